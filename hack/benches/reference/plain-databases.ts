import type { Engine } from '#controllers/database-names.ts';
import type { Write } from '#hack/benches/site-writes.ts';
import type { Store } from '#runtime/storage/store.ts';
import { pairOf, statementsFor, type Recording, type Statement } from './driver-statements.ts';
import { administrators, openEngineSession, type EngineSession } from './engine-session.ts';
import { commitLike, shareOut } from './plain-writes.ts';

export interface PlainDatabasesOptions {
  readonly engine: Engine;
  /** Of the server. */
  readonly root: string;
  readonly recording: Recording;
  readonly store: Store;
  /** The writes of the product, in their order; their sizes count, their content does not. */
  readonly writes: readonly Write[];
  /** One database with its login each. */
  readonly names: readonly string[];
  /** To etcd; the server of databases has one. */
  readonly connections: number;
}

export interface PlainDatabases {
  readonly seconds: number;
  /** Of the statements of one database with its login, from the first to the last answer. */
  readonly statementsMs: readonly number[];
}

/**
 * What a program that knows its end from the beginning would do for the same databases: the same etcd transactions, each with its condition, those of one object
 * one after the other and many objects at once; beside them the same statements, on one connection to the server (PostgreSQL needs a further one in each
 * database). Decides nothing.
 */
export async function makePlainDatabases(options: PlainDatabasesOptions): Promise<PlainDatabases> {
  const { engine, names, store, recording } = options;
  const shares = shareOut(options.writes, names.length);
  const sayAll = await openSayer(options);
  const statementsMs: number[] = [];
  const startedAt = performance.now();
  let next = 0;
  const loop = async (): Promise<void> => {
    for (let n = next++; n < names.length; n = next++) {
      for (const write of shares[n] ?? []) await commitLike(store, write);
      statementsMs.push(await sayAll.say(statementsFor(recording, pairOf(engine, names[n] ?? ''))));
    }
  };
  try {
    await Promise.all(Array.from({ length: options.connections }, loop));
    return { seconds: (performance.now() - startedAt) / 1_000, statementsMs };
  } finally {
    await sayAll.close();
  }
}

/** The driver's: it ends what sessions of that name it finds in a new database. */
const applicationName = 'wcp360';

interface Sayer {
  /** One after the other, whoever comes; milliseconds from its turn to the last answer. */
  say(statements: readonly Statement[]): Promise<number>;
  close(): Promise<void>;
}

async function openSayer({ engine, root, recording }: PlainDatabasesOptions): Promise<Sayer> {
  const { options } = recording;
  const enter = async (database?: string): Promise<EngineSession> =>
    await openEngineSession(engine, {
      ...{ root, username: administrators[engine], applicationName },
      ...(database !== undefined && { database }),
      ...(options !== undefined && { options }),
    });
  const main = await enter();
  let turn: Promise<unknown> = Promise.resolve();
  const sayNow = async (statements: readonly Statement[]): Promise<number> => {
    const startedAt = performance.now();
    let inner: { readonly database: string; readonly session: EngineSession } | undefined;
    for (const { inside, text } of statements) {
      if (inner?.database !== inside) {
        await inner?.session.close();
        inner = inside === undefined ? undefined : { database: inside, session: await enter(inside) };
      }
      await (inner?.session ?? main).ask(text);
    }
    await inner?.session.close();
    return performance.now() - startedAt;
  };
  return {
    say: async (statements) => {
      const said = turn.then(async () => await sayNow(statements));
      turn = said.catch(() => undefined);
      return await said;
    },
    close: main.close,
  };
}
