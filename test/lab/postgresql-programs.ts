import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { required } from '#runtime/base/errors.ts';
import { postgresqlDriver as driver } from '#runtime/drivers/postgresql/index.ts';
import type { PostgresqlVersion } from '#runtime/host/host.ts';
import { databasesGround, signal } from '#test/contracts/databases/ground.ts';
import { lawsOf } from './postgresql-laws.ts';
import type { PostgresqlServerElsewhere } from './postgresql.ts';
import { elsewhereHost } from './server-elsewhere.ts';

/** What is installed on a machine need not be what a server elsewhere is. */
export async function programsLaw(t: Test, server: PostgresqlServerElsewhere): Promise<void> {
  const { host, place, world } = server;
  const { go, state, settings, clear } = databasesGround(lawsOf(server));
  const dumped = async (...versions: readonly PostgresqlVersion[]): Promise<string> => {
    const capabilities: typeof host.capabilities = async (asking) => ({
      ...(await host.capabilities(asking)),
      postgresql: { versions },
    });
    const there = elsewhereHost({ ...host, capabilities }, { ...place, engine: 'PostgreSQL', port: 5432 });
    return await text(Readable.from(driver.dump('d_one', { ...world, host: there }, signal)));
  };
  const { versions } = required((await host.capabilities(signal)).postgresql, 'PostgreSQL');
  const real = required(
    versions.find(({ major }) => major === 15),
    'PostgreSQL 15',
  );
  const [older, newer] = [
    { major: 14, programs: '/nowhere/14' },
    { major: 19, programs: '/nowhere/19' },
  ];

  await t.test('a server elsewhere is dumped by programs that are not older than it', async (each) => {
    await go(state({ d_one: settings() }));
    each.match(await dumped(older, real, newer), /dump complete/);
    await each.rejects(dumped(older, newer), /nowhere.19/, 'the control');
    const message = /DatabaseServer main is PostgreSQL 15[.]\d+, .* install postgresql-client-15 or a newer one/;
    for (const some of [[older], []]) await each.rejects(dumped(...some), { reason: 'ProgramsMissing', message });
    await clear();
  });
}
