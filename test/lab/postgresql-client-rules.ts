import fc from 'fast-check';
import { escapeLiteral } from 'pg';
import type { Test } from 'tap';
import { required, RefusedError } from '#runtime/base/errors.ts';
import { networkText, parseNetwork } from '#runtime/base/networks.ts';
import { renderClientRules } from '#runtime/drivers/postgresql/client-rules.ts';
import { admissionsPaths } from '#runtime/drivers/postgresql/render.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { postgresqlDriver, startPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { usualLimits } from '#test/contracts/databases.ts';
import { reach } from '#test/contracts/driver.ts';
import type { openPostgresqlOnNetwork, PostgresqlServer } from './postgresql.ts';

/** What is in pg_hba.conf is what the server reads there, whatever names and networks are in it. */
export async function clientRulesLaw(t: Test, server: PostgresqlServer): Promise<void> {
  const { signal } = server;
  const { rules: file } = admissionsPaths(server.host.root);
  const before = await server.host.readText(file, signal);
  const admin = await server.admin();
  const words = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constantFrom('all', 'samerole', 'replication', '+all', '@file', '#', '"', '""', ',', 'a,b', ' ', '/x', 'a"b "c'),
  );
  const networks = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  );
  const rule = fc
    .tuple(words, networks)
    .map(([word, [address, prefix]]) => ({ word, network: `${address}/${prefix}` }));
  await fc.assert(
    fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 8 }), async (drawn) => {
      const rules = drawn
        .map(({ word, network }) => ({ word: word.toWellFormed().replaceAll(/[\0\r\n]/g, '_'), network }))
        .filter(({ network }) => parseNetwork(network) !== undefined);
      const text = renderClientRules(
        rules.map(({ word, network }) => ({
          type: 'hostssl',
          who: { membersOf: word },
          network,
          method: 'scram-sha-256',
        })),
      );
      await server.host.replaceFile(file, text, { mode: 0o644, uid: 0, gid: 0 }, signal);
      const read = await admin.query('SELECT user_name::text, address, error, line_number FROM pg_hba_file_rules');
      t.equal(read.length, rules.length);
      t.same(
        read.map(([, address]) => address),
        rules.map(({ network }) => networkText(required(parseNetwork(network), 'a network')).split('/')[0]),
      );
      const names = await admin.query('SELECT unnest(user_name) FROM pg_hba_file_rules ORDER BY line_number');
      t.same(
        names.map(([name]) => name),
        rules.map(({ word }) => `+${word}`),
      );
    }),
    { numRuns: 40, seed: 1 },
  );
  for (const word of ['', 'a\nhost all all 0.0.0.0/0 trust', 'a\r', 'a\0b'])
    t.throws(() => renderClientRules([{ type: 'local', who: { login: word }, method: 'peer' }]), RefusedError);
  await server.host.replaceFile(file, before ?? '', { mode: 0o644, uid: 0, gid: 0 }, signal);
  await admin.close();
}

/** The server is told of networks, not of logins, and who may come from where outlives it and the file. */
export async function admissionsLaw(
  t: Test,
  server: Awaited<ReturnType<typeof openPostgresqlOnNetwork>>,
): Promise<void> {
  const { host, signal, addresses } = server;
  const { network, address } = addresses.inside.v4;
  const one: Owner = { kind: 'Database', namespace: 'acme', name: 'shop', uid: 'u1' };
  server.passwords.set('word', 'a');
  const login: LoginSettings = {
    password: { namespace: 'acme', name: 'shop', key: 'word' },
    grants: { d_one: 'Owner' },
    connections: 5,
    limits: usualLimits,
    isLocked: false,
  };
  const database = { encoding: 'UTF8', collation: 'C.UTF-8', extensions: [], access: 'Open' } as const;
  const goFrom = async (origins: readonly string[], ...names: readonly string[]) =>
    await reach(postgresqlDriver, server.world, one, {
      databases: new Map([['d_one', database]]),
      logins: new Map(names.map((name) => [name, { ...login, origins: ['Socket', ...origins] }])),
    });
  const go = async (...names: readonly string[]) => await goFrom([network], ...names);
  const mayEnter = async (name: string): Promise<boolean> =>
    await server.enter(address, [name, 'a', 'd_one']).then(
      async (session) => (await session.close(), true),
      () => false,
    );
  const { rules, networks } = admissionsPaths(host.root);
  const told = async () => ({
    rules: await host.facts(rules, signal),
    reloads: (await server.statements()).filter((statement) => statement.includes('pg_reload_conf()')).length,
  });

  await t.test('a server is told of a network once, however many come from there', async (each) => {
    await go('u_one');
    const before = await told();
    await go('u_one', 'u_two');
    each.same([await mayEnter('u_one'), await mayEnter('u_two')], [true, true]);
    each.same(await told(), before);
  });

  await t.test('who may come from where outlives the server, and the files that tell it', async (each) => {
    await server.crash();
    each.ok(await mayEnter('u_one'));
    for (const path of [rules, networks]) await host.removeFile(path, signal);
    await startPostgresql(host, server.settings, signal);
    each.ok(await mayEnter('u_one'));
    await host.replaceFile(networks, '[]', { mode: 0o640, uid: 0, gid: 0 }, signal);
    await server.crash();
    each.ok(await mayEnter('u_one'));
    await reach(postgresqlDriver, server.world, one, postgresqlDriver.nothing);
    each.notOk(await mayEnter('u_one'));
  });

  await t.test('a network from which nobody may come any more leaves nothing behind', async (each) => {
    const left = async () => {
      const admin = await server.admin();
      const rows = await admin.query(`SELECT network FROM wcp360.networks
        UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE 'from:%' AND rolname NOT IN (SELECT role FROM wcp360.networks)`);
      await admin.close();
      return {
        rows: rows.flat().map(String).toSorted(),
        rules: (await host.readText(rules, signal))?.split('hostssl').length,
      };
    };
    await go('u_one', 'u_two');
    each.same(await left(), { rows: [network], rules: 2 });
    for (let count = 0; count < 3; count += 1) await goFrom([network, `198.51.100.${String(count)}/32`], 'u_one');
    each.same(
      await left(),
      { rows: [network, '198.51.100.2/32'].toSorted(), rules: 3 },
      'of another login, and the last one',
    );
    each.ok(await mayEnter('u_one'));
    await go('u_one');
    each.same(await left(), { rows: [network], rules: 2 });
    await goFrom([], 'u_one');
    each.same(await left(), { rows: [], rules: 1 });
    await go('u_one', 'u_two');
    await reach(postgresqlDriver, server.world, one, postgresqlDriver.nothing);
    each.same(await left(), { rows: [], rules: 1 });
  });

  await t.test(
    'what an agent that died left of networks, or a tenant holds on to, goes with a later change',
    async (each) => {
      const admin = await server.admin();
      const roles = async () => await admin.query(`SELECT role FROM wcp360.networks ORDER BY role`);
      await admin.query(`CREATE ROLE "from:left"`);
      await admin.query(
        `INSERT INTO wcp360.networks (network, role) VALUES ('198.51.100.0/24', 'from:left'), (${escapeLiteral(network)}, 'from:lost')`,
      );
      await go('u_one');
      each.ok(await mayEnter('u_one'), 'a network whose role somebody dropped has another one');
      const [[role = ''] = [], ...others] = await roles();
      each.same(others, []);
      const session = await server.login('u_one', 'a', 'd_one');
      for (const statement of [
        'CREATE SCHEMA s',
        `GRANT ALL ON SCHEMA s TO "${role ?? ''}"`,
        `SET ROLE "${role ?? ''}"`,
        'CREATE TABLE s.t (n integer)',
        'BEGIN',
        'LOCK TABLE s.t',
      ])
        await session.query(statement);
      await goFrom([], 'u_one');
      each.same(await roles(), [[role]], 'nobody waits for a tenant');
      await session.close();
      await go('u_one');
      await goFrom([], 'u_one');
      each.same(await roles(), []);
      each.same(await admin.query(`SELECT FROM pg_roles WHERE rolname LIKE 'from:%'`), []);
      await admin.close();
      await reach(postgresqlDriver, server.world, one, postgresqlDriver.nothing);
    },
  );
}
