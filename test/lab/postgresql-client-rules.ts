import fc from 'fast-check';
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
    origins: ['Socket', network],
    connections: 5,
    limits: usualLimits,
    isLocked: false,
  };
  const database = { encoding: 'UTF8', collation: 'C.UTF-8', extensions: [], access: 'Open' } as const;
  const go = async (...names: readonly string[]) =>
    await reach(postgresqlDriver, server.world, one, {
      databases: new Map([['d_one', database]]),
      logins: new Map(names.map((name) => [name, login])),
    });
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
}
