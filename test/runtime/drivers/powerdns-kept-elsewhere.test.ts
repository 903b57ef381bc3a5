import t from 'tap';
import type { Owner } from '#runtime/drivers/driver.ts';
import { attachDns, powerdnsDriver as driver, type ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import { reach } from '#test/contracts/driver.ts';
import { powerdnsRecords } from '#test/contracts/powerdns-records.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { aZoneTable, keptKey, openNameServer } from '#test/lab/name-server.ts';
import { realMachine } from '#test/runtime/host/machines.ts';

const one: Owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
const other: Owner = { kind: 'Zone', namespace: 'zoo', name: 'zoo', uid: 'u2' };

const zone = 'acme.example.';
const secrets = new Map<string, Readonly<Record<string, string>>>();
const server = await openNameServer(t, secrets, { backend: 'lmdb' });
const { signal } = server;
const planned = async (desired: ZoneTable, world = server.world) =>
  driver.plan(one, driver.normalize(desired), driver.of(one, await driver.observe(world, signal)));

await t.test('PowerDNS on LMDB keeps the laws of records', async (t) => await powerdnsRecords(t, server, one));

await t.test('on LMDB zones of several owners are signed, found again after a crash, and go', async (t) => {
  const key = keptKey(secrets, 'first');
  const signed = aZoneTable(zone, { 'www A': ['192.0.2.1'] }, { keys: [key] });
  await reach(driver, server.world, one, signed);
  await reach(driver, server.world, other, aZoneTable('zoo.example.', { 'www A': ['192.0.2.7'] }));
  const keys = async () => (await server.dig('acme.example', 'DNSKEY', '+tcp')).map((line) => line.replaceAll(' ', ''));
  t.same(await keys(), [key.dnskey.replaceAll(' ', '')]);
  killProcess((await server.host.services.get('pdns', signal))?.pid);
  t.strictSame(await until(() => planned(signed), 'its API'), []);
  t.same(await keys(), [key.dnskey.replaceAll(' ', '')]);
  const own = await driver.observe(server.world, signal);
  t.same([...(driver.owners?.(own) ?? [])].toSorted(), ['Zone/acme/acme', 'Zone/zoo/zoo']);
  for (const owner of [one, other]) await reach(driver, server.world, owner, driver.nothing);
  t.same(await server.dig('www.acme.example', 'A'), []);
});

await t.test('zones go to a PowerDNS that runs already, and those of others there are left alone', async (t) => {
  const theirs = await openNameServer(t);
  const machine = await realMachine();
  t.teardown(async () => await machine.close());
  const { key = '' } = JSON.parse((await theirs.host.readText(`${theirs.host.root}/dns/api.json`, signal)) ?? '{}') as {
    readonly key?: string;
  };
  const access = { address: '127.0.0.1', port: theirs.settings.apiPort, key };
  t.match(await attachDns(machine.host, access, signal), /^\d+\.\d+/);
  await reach(driver, theirs.world, other, aZoneTable('zoo.example.', { 'www A': ['192.0.2.7'] }));
  const world = { host: machine.host };
  const state = aZoneTable(zone, { 'www A': ['192.0.2.1'] });
  await reach(driver, world, one, state);
  t.strictSame(await planned(state, { ...server.world, ...world }), []);
  t.same(await theirs.dig('www.acme.example', 'A'), ['192.0.2.1']);
  await reach(driver, world, one, driver.nothing);
  t.same(await theirs.dig('www.acme.example', 'A'), []);
  t.same(await theirs.dig('www.zoo.example', 'A'), ['192.0.2.7']);
  t.equal(await machine.host.services.get('pdns', signal), undefined, 'and none of our own runs');
  await t.rejects(attachDns(machine.host, { ...access, key: 'another' }, signal), { message: /401/ });
});
