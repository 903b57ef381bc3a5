import { readFileSync } from 'node:fs';
import { openLab } from '#hack/benches/lab.ts';
import { pairOf, recordDriver } from '#hack/benches/reference/driver-statements.ts';
import { openEngineSession } from '#hack/benches/reference/engine-session.ts';
import { makePlainDatabases } from '#hack/benches/reference/plain-databases.ts';
import { openPrivateServer } from '#hack/benches/reference/private-server.ts';
import { countStatements } from '#hack/benches/server-statements.ts';
import type { Write } from '#hack/benches/site-writes.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import type { Run } from './run.ts';

/** What the plain program takes, on a server and an etcd of its own. */
export interface Plain {
  readonly seconds: number;
  /** Of the statements of one database with its login, where nothing runs beside. */
  readonly aloneMs: readonly number[];
  /** Statements that write among them. */
  readonly statementWrites: number;
}

export async function measurePlain(
  { engine, count, tries, connections, options }: Run,
  writes: readonly Write[],
): Promise<Plain> {
  options.note(`the plain program makes ${writes.length} writes, and the statements of ${count} databases`);
  const server = await openPrivateServer(engine);
  const lab = await openLab();
  const { authority, client } = lab.pki.etcd;
  const tls = {
    ca: readFileSync(authority.certificate),
    cert: readFileSync(client.certificate),
    key: readFileSync(client.key),
  };
  const { root } = server.host;
  const store = await openEtcdStore({ endpoints: [lab.etcd.endpoint], tls });
  try {
    const recording = await recordDriver(engine, server.host);
    const common = { engine, root, recording, store };
    const make = async (names: readonly string[]) =>
      await makePlainDatabases({ ...common, writes: [], names, connections: 1 });
    const shops = Array.from({ length: count }, (_, n) => `shop-${n}`);
    const { seconds } = await makePlainDatabases({ ...common, writes, names: shops, connections });
    const { statementsMs } = await make(Array.from({ length: tries }, (_, n) => `more-${n}`));
    const statements = await countStatements(engine, root);
    await make(['counted']);
    const { writes: statementWrites } = await statements.soFar();
    await statements.close();
    for (const name of [...shops, 'counted']) {
      const { database, username } = pairOf(engine, name);
      const { password } = recording;
      await (await openEngineSession(engine, { root, database, username, password })).close();
    }
    return { seconds, aloneMs: statementsMs, statementWrites };
  } finally {
    await store.close();
    await lab.close();
    await server.close();
  }
}
