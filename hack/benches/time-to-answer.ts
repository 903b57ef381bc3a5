import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { applyHeaders, type Applied } from './domains.ts';
import type { Instance } from './instance.ts';
import { openClient } from './load.ts';

/** What is declared, and how one sees from outside that it is so. */
export interface Change {
  readonly applied: Applied;
  readonly hostname: string;
  /** What the front answers then, and did not before. */
  readonly status: number;
}

/** The rest of its way (status, events) is not to be in the next one's time. */
const restMs = 30;

/** From apply to the first answer of the front that shows it, one change at a time; milliseconds. */
export async function timeToAnswer(
  instance: Instance,
  tries: number,
  changeOf: (n: number) => Change,
): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const client = openClient({ url: instance.apiUrl, tls: instance.admin, connections: 1 });
  try {
    for (let n = 0; n < tries; n++) {
      const { applied, hostname, status } = changeOf(n);
      const startedAt = performance.now();
      const answered = client.run({ requests: 1, method: 'PATCH', headers: applyHeaders, make: () => applied });
      await untilAnswered(agent, { port: instance.httpPort, hostname, status });
      latenciesMs.push(performance.now() - startedAt);
      await answered;
      await delay(restMs);
    }
  } finally {
    client.close();
    agent.destroy();
  }
  return latenciesMs;
}

const answerTimeoutMs = 20_000;

interface Expected {
  readonly port: number;
  readonly hostname: string;
  readonly status: number;
}

async function untilAnswered(agent: Agent, { port, hostname, status }: Expected): Promise<void> {
  const giveUpAt = performance.now() + answerTimeoutMs;
  while ((await statusOf(agent, port, hostname)) !== status) {
    if (performance.now() > giveUpAt)
      throw new Error(`${hostname} did not answer ${status} in ${answerTimeoutMs / 1000} s`);
    await delay(1);
  }
}

function statusOf(agent: Agent, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ agent, host: '127.0.0.1', port, path: '/', headers: { host } }, (answer) => {
      answer.on('end', () => resolve(answer.statusCode ?? 0)).resume();
    })
      .on('error', reject)
      .end();
  });
}
