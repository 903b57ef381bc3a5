import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';
import type { Engine } from '#controllers/database-names.ts';
import { connect, serverOn } from '#runtime/drivers/mariadb/connection.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { openSession } from '#runtime/drivers/postgresql/session.ts';
import { sql } from '#runtime/drivers/postgresql/sql.ts';
import { externalServer } from '#runtime/cmd/declared-server.ts';
import { connectTcp } from '#runtime/host/local/connect.ts';
import { patienceMs } from './patience.ts';
import { administrator, serverName } from './server-elsewhere.ts';

/** Where a server is; without authorities it is spoken to as one on a socket of this machine. */
export interface Asked {
  readonly engine: Engine;
  readonly address: string;
  readonly port: number;
  readonly authorities?: string;
}

/** A process that asks a server two questions when it is told to, as agents and controllers do. */
export interface AskingProcess {
  /** What came of it, in its words. Rejects when the process ends over it, or does nothing any more within a time. */
  ask(asked: Asked, withinMs?: number): Promise<string>;
}

/** Ends with the test; one that has ended is started anew. */
export function startAsking(t: Test): AskingProcess {
  let child: ChildProcess | undefined;
  t.teardown(() => child?.kill('SIGKILL'));
  return {
    ask: async (asked, withinMs = patienceMs) => {
      child ??= fork(import.meta.filename, ['ask'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      const asking = child;
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(withinMs)]);
      const ended = once(asking, 'exit', { signal }).then(() => 'ended');
      const answered = once(asking, 'message', { signal }).then(([words]) => ({ words: String(words) }));
      asking.send(asked);
      const outcome = await Promise.race([answered, ended]).catch(() => 'stands still');
      over.abort();
      await Promise.allSettled([ended, answered]);
      if (typeof outcome !== 'string') return outcome.words;
      asking.kill('SIGKILL');
      child = undefined;
      throw new Error(`the process ${outcome}`);
    },
  };
}

/** For who waits for what never comes. */
const longestMs = 5_000;

async function askTwice(asked: Asked): Promise<string> {
  const signal = AbortSignal.timeout(longestMs);
  const host = hostOf(asked);
  try {
    if (asked.engine === 'PostgreSQL') {
      const session = await openSession(host, 'postgres', signal);
      for (const _ of [1, 2]) await session.ask(sql`SELECT 1`, signal);
      session.close();
    } else {
      const connected = await connect(host, signal);
      for (const _ of [1, 2]) await serverOn(connected, signal).ask('SELECT 1');
      connected.stream.destroy();
    }
    return 'fine';
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}

function hostOf({ engine, address, port, authorities }: Asked): ServerHost {
  const tls = { serverName, ...(authorities === undefined ? {} : { caBundle: authorities }) };
  const external = { address: `${address}:${String(port)}`, adminSecretRef: { name: 'boss' }, tls };
  const means = {
    secrets: { read: () => Promise.resolve(administrator) },
    readProgramText: () => Promise.resolve(''),
  };
  const host = externalServer({ name: 'main', engine, external, versions: {} }, means);
  if (authorities !== undefined) return host;
  const enter = async (signal: AbortSignal) => ({
    stream: await connectTcp({ host: address, port }, signal),
    ...administrator,
  });
  return { ...host, enter };
}

if (process.argv[2] === 'ask') {
  process.on('message', (asked: Asked) => {
    void askTwice(asked).then((words) => process.send?.(words));
  });
}
