import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { applyHeaders, type Applied } from './domains.ts';
import type { Instance } from './instance.ts';
import { openClient } from './load.ts';

/** What is declared, and how one sees from outside that it is so. */
export interface Change {
  readonly applied: Applied;
  /** Asks once. */
  isSeen(): Promise<boolean>;
}

/** The rest of its way (status, events) is not to be in the next one's time. */
const restMs = 30;

/** From apply to the first answer that shows it, one change at a time; milliseconds. */
export async function timeToSee(
  instance: Instance,
  tries: number,
  changeOf: (n: number) => Change,
): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  const client = openClient({ url: instance.apiUrl, tls: instance.admin, connections: 1 });
  try {
    for (let n = 0; n < tries; n++) {
      const change = changeOf(n);
      const { applied } = change;
      const startedAt = performance.now();
      const answered = client.run({ requests: 1, method: 'PATCH', headers: applyHeaders, make: () => applied });
      await untilSeen(change);
      latenciesMs.push(performance.now() - startedAt);
      await answered;
      await delay(restMs);
    }
  } finally {
    client.close();
  }
  return latenciesMs;
}

/** What is declared of a site, and what the front answers then, and did not before. */
export interface SiteChange {
  readonly applied: Applied;
  readonly hostname: string;
  readonly status: number;
}

/** The same for the front's answers by HTTP. */
export async function timeToAnswer(
  instance: Instance,
  tries: number,
  changeOf: (n: number) => SiteChange,
): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    return await timeToSee(instance, tries, (n) => {
      const { applied, hostname, status } = changeOf(n);
      return { applied, isSeen: async () => (await statusOf(agent, instance.httpPort, hostname)) === status };
    });
  } finally {
    agent.destroy();
  }
}

const answerTimeoutMs = 20_000;

async function untilSeen({ applied, isSeen }: Change): Promise<void> {
  const giveUpAt = performance.now() + answerTimeoutMs;
  while (!(await isSeen())) {
    if (performance.now() > giveUpAt)
      throw new Error(`${applied.path} was not to be seen in ${answerTimeoutMs / 1000} s`);
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
