import { randomBytes } from 'node:crypto';
import t from 'tap';
import { powerdnsDriver, type ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { run } from '#test/lab/run.ts';
import { startSecondary } from '#test/lab/secondary.ts';

const zone = 'acme.example.';
const key = randomBytes(32).toString('base64');
const primary = await openNameServer(t, new Map([['transfers', { key }]]));
const [secondary, other] = [await startSecondary(t), await startSecondary(t)];
const owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
const go = async (desired: ZoneTable) => await reach(powerdnsDriver, primary.world, owner, desired);
const tsig = { namespace: 'acme', name: 'transfers', resourceVersion: '1' };
const withTransfer = (address: string, transfer: object = { tsig }): ZoneTable =>
  aZoneTable(zone, { 'www A': [address] }, { transfer: { to: [secondary.address], ...transfer } });

/** What dig gets when it asks for the whole zone, from the address of a server. */
async function fetched(from: string, ...flags: readonly string[]): Promise<string> {
  return await fetchedZone(zone, from, ...flags);
}

async function fetchedZone(name: string, from: string, ...flags: readonly string[]): Promise<string> {
  const argv = ['/usr/bin/dig', '@127.0.0.1', '-b', from, '-p', String(primary.settings.port), '+tries=3', '+time=10'];
  return (await run([...argv, ...flags, name, 'AXFR'])).stdout;
}
const signed = ['-y', `hmac-sha256:${zone}:${key}`];

await t.test('a secondary with the key fetches the zone, is told of each change, and has it at once', async (t) => {
  await go(withTransfer('192.0.2.1'));
  await secondary.configure('create-secondary-zone', zone, `127.0.0.1:${primary.settings.port}`);
  await secondary.configure('import-tsig-key', zone, 'hmac-sha256', key);
  await secondary.configure('activate-tsig-key', zone, zone, 'secondary');
  for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) {
    await go(withTransfer(address));
    await until(async () => (await secondary.dig('www.acme.example', 'A')).join() === address, address);
    t.same(await secondary.dig('acme.example', 'SOA'), await primary.dig('acme.example', 'SOA'));
  }
});

await t.test('whoever does not sign gets nothing, from whatever address', async (t) => {
  t.match(await fetched('127.0.0.1', ...signed), /www[.]acme[.]example[.].*192[.]0[.]2[.]4/);
  const wrong = ['-y', `hmac-sha256:${zone}:${randomBytes(32).toString('base64')}`];
  for (const flags of [[], wrong]) {
    for (const from of [secondary.address, '127.0.0.1']) t.notMatch(await fetched(from, ...flags), /192[.]0[.]2[.]4/);
  }
});

await t.test('without a key the addresses that are named get the zone, and no others', async (t) => {
  await go(withTransfer('192.0.2.5', {}));
  t.match(await fetched(secondary.address), /192[.]0[.]2[.]5/);
  t.notMatch(await fetched(other.address), /192[.]0[.]2[.]5/);
  await go(aZoneTable(zone, { 'www A': ['192.0.2.6'] }));
  t.notMatch(await fetched(secondary.address), /192[.]0[.]2[.]6/);
  t.notMatch(await fetched('127.0.0.1', ...signed), /192[.]0[.]2[.]6/);
});

await t.test('a catalog lists its zones to whoever signs, and they are signed for by the same key', async (t) => {
  const catalog = 'catalog.acme.example.';
  const listing = aZoneTable(catalog, {}, { isCatalog: true, transfer: { to: [secondary.address], tsig } });
  const member = aZoneTable(zone, { 'www A': ['192.0.2.7'] }, { transfer: { to: [secondary.address], tsig, catalog } });
  await go(new Map([...listing, ...member]));
  const withKey = ['-y', `hmac-sha256:${catalog}:${key}`];
  t.match(await fetched('127.0.0.1', ...withKey), /192[.]0[.]2[.]7/);
  t.match(await fetchedZone(catalog, '127.0.0.1', ...withKey), /\sPTR\sacme[.]example[.]/);
  for (const each of [zone, catalog])
    t.notMatch(await fetchedZone(each, secondary.address), /192[.]0[.]2[.]7|\sPTR\s/, each);
  const [before = ''] = await primary.dig('catalog.acme.example', 'SOA');
  await go(listing);
  t.notMatch(await fetchedZone(catalog, '127.0.0.1', ...withKey), /\sPTR\s/);
  const [after = ''] = await primary.dig('catalog.acme.example', 'SOA');
  t.ok(Number(after.split(' ')[2]) > Number(before.split(' ')[2]), 'the serial number tells that a zone went');
  await go(powerdnsDriver.nothing);
});
