import t from 'tap';
import fc from 'fast-check';
import { HostError, PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { parentDs } from '#runtime/dns/parent-ds.ts';
import { powerdnsDriver, startDns, type ZoneSettings, type ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import { powerdnsRecords } from '#test/contracts/powerdns-records.ts';
import { contentOf } from '#schemas/meta/record-content.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { aZoneTable, keptKey, openNameServer } from '#test/lab/name-server.ts';

type ZoneKey = ZoneSettings['keys'][number];

const one: Owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
const other: Owner = { kind: 'Zone', namespace: 'zoo', name: 'zoo', uid: 'u2' };
const zone = 'acme.example.';

const secrets = new Map<string, Readonly<Record<string, string>>>();
const server = await openNameServer(t, secrets);

const keyIn = (name: string): ZoneKey => keptKey(secrets, name);
const { world, signal, dig } = server;
const driver = powerdnsDriver;
const go = async (desired: ZoneTable, owner = one) => await reach(driver, world, owner, desired);
const planned = async (desired: ZoneTable, owner = one) =>
  driver.plan(owner, driver.normalize(desired), driver.of(owner, await driver.observe(world, signal)));
const writes = (): readonly string[] => server.asked.filter((each) => !each.startsWith('GET '));

await t.test('PowerDNS keeps the laws of records', async (t) => await powerdnsRecords(t, server, one));

const states: readonly ZoneTable[] = [
  aZoneTable(zone, { 'www A': ['192.0.2.1'], '@ MX': ['10 mail.acme.example.'] }),
  aZoneTable(zone, { 'www A': ['192.0.2.2', '192.0.2.1'], 'text TXT': ['"a"', '"b;\\"\\\\"'] }),
  aZoneTable(zone, { 'www CNAME': ['shop.acme.example.'], '*.any AAAA': ['2001:db8::1'] }),
  aZoneTable(zone, { 'www A': ['192.0.2.9'] }, { transfer: { to: ['192.0.2.53', '2001:db8::53'] } }),
];

await t.test('an applied plan leaves nothing to plan, and is told right without looking', async (t) => {
  for (const state of [...states, driver.nothing, ...states.toReversed(), driver.nothing]) {
    const snapshot = await driver.observe(world, signal);
    const actions = await go(state);
    t.strictSame(await planned(state), []);
    const advanced = driver.advance?.(snapshot, actions) ?? snapshot;
    t.strictSame(driver.plan(one, driver.normalize(state), driver.of(one, advanced)), []);
    for (const action of actions) t.ok(isEqual(JSON.parse(JSON.stringify(action)), action), 'an action survives JSON');
  }
});

await t.test('a zone that is there is changed by one request, and answers at once', async (t) => {
  await go(aZoneTable(zone, { 'www A': ['192.0.2.1'], 'keep TXT': ['"kept"'] }));
  t.same(await dig('www.acme.example', 'A'), ['192.0.2.1']);
  const [before = ''] = await dig('acme.example', 'SOA');
  const from = writes().length;
  await go(aZoneTable(zone, { 'www CNAME': ['other.acme.example.'], 'keep TXT': ['"kept"'], 'a A': ['192.0.2.3'] }));
  t.same(writes().slice(from), ['PATCH /api/v1/servers/localhost/zones/acme.example.']);
  t.same(await dig('www.acme.example', 'CNAME'), ['other.acme.example.']);
  t.same(await dig('keep.acme.example', 'TXT'), ['"kept"']);
  const [after = ''] = await dig('acme.example', 'SOA');
  t.ok(Number(after.split(' ')[2]) > Number(before.split(' ')[2]), 'the serial number goes up');
});

await t.test('a look at what stands writes nothing', async (t) => {
  const state = aZoneTable(zone, { 'www A': ['192.0.2.1'] });
  await go(state);
  const from = writes().length;
  await go(state);
  t.same(writes().slice(from), []);
});

await t.test('no key goes while the zone above has its DS and that of no key that stays', async (t) => {
  const [first, second] = [keyIn('parted-1'), keyIn('parted-2')];
  const own = { address: '127.0.0.1', port: server.settings.port };
  const asking = { ...world, parentDs: async (name: string) => await parentDs(name, { own, resolvers: [] }, signal) };
  const child = 'child.acme.example.';
  const settle = async (keys: readonly ZoneKey[], address = '192.0.2.1') =>
    await reach(driver, asking, other, aZoneTable(child, { 'www A': [address] }, { keys }));
  const above = async (...ds: readonly string[]) =>
    await go(aZoneTable(zone, { 'child NS': [`ns1.${child}`], ...(ds.length === 0 ? {} : { 'child DS': ds }) }));
  const dsOf = async (): Promise<readonly string[]> =>
    (await dig(child, 'CDS')).map((line) => line.toLowerCase().replaceAll(/([0-9a-f]{32,}) ([0-9a-f]+)/g, '$1$2'));
  const keys = async (): Promise<number> => (await dig(child, 'DNSKEY', '+tcp')).length;
  await settle([first]);
  const ds = await dsOf();
  t.equal(ds.length, 1);
  await above(...ds);
  const refusal: unknown = await settle([], '192.0.2.2').catch((err: unknown) => err);
  t.match(refusal, { reason: 'ParentHasDs', message: ds[0] });
  t.equal(await keys(), 1);
  t.same(await dig(`www.${child}`, 'A'), ['192.0.2.2'], 'records change all the same');
  await t.rejects(settle([second]), PostponedError);
  t.equal(await keys(), 1);
  await settle([first, second]);
  t.equal(await keys(), 2);
  await settle([first]);
  t.equal(await keys(), 1, 'the one goes whose DS is nowhere');
  await above();
  await settle([]);
  t.equal(await keys(), 0);
  for (const [table, owner] of [
    [driver.nothing, other],
    [driver.nothing, one],
  ] as const)
    await go(table, owner);
});

await t.test('a DS that nobody can tell of keeps the keys', async (t) => {
  const key = keyIn('untold');
  const own = { address: '127.0.0.1', port: server.settings.port };
  const silent = { address: '127.0.0.1', port: 9 };
  const asking = {
    ...world,
    parentDs: async (name: string) => await parentDs(name, { own, resolvers: [silent] }, signal),
  };
  const signed = (keys: readonly ZoneKey[]): ZoneTable => aZoneTable('acme.dk.', {}, { keys });
  await reach(driver, asking, one, signed([key]));
  await t.rejects(reach(driver, asking, one, signed([])), HostError);
  t.equal((await dig('acme.dk', 'DNSKEY', '+tcp')).length, 1);
  await go(driver.nothing);
});

await t.test('zones of others are not seen, named or touched', async (t) => {
  await go(aZoneTable('zoo.example.', { 'www A': ['192.0.2.7'] }), other);
  for (const state of [...states, driver.nothing]) {
    for (const { subject } of await go(state)) t.notMatch(subject, 'zoo');
  }
  t.same(await dig('www.zoo.example', 'A'), ['192.0.2.7']);
  const snapshot = await driver.observe(world, signal);
  t.same([...(driver.owners?.(snapshot) ?? [])], ['Zone/zoo/zoo']);
  await go(driver.nothing, other);
});

await t.test('a zone that nobody of us made is left alone, and told', async (t) => {
  const access = JSON.parse((await server.host.readText(`${server.host.root}/dns/api.json`, signal)) ?? '') as {
    readonly port: number;
    readonly key: string;
  };
  const ask = async (method: 'POST' | 'DELETE', path: string, body?: object) =>
    await server.host.httpRequest(
      {
        address: { host: '127.0.0.1', port: access.port },
        method,
        path: `/api/v1/servers/localhost/zones${path}`,
        headers: { 'x-api-key': access.key },
        body: JSON.stringify(body),
        timeoutMs: 5_000,
      },
      signal,
    );
  await ask('POST', '', { name: zone, kind: 'Native', nameservers: ['ns.by.hand.'] });
  const snapshot = await driver.observe(world, signal);
  t.match(driver.conflict?.(driver.normalize(states[0] ?? driver.nothing), snapshot), { reason: 'ZoneTaken' });
  await go(driver.nothing);
  t.same(await dig('acme.example', 'NS'), ['ns.by.hand.']);
  await ask('DELETE', `/${zone}`);
});

await t.test('what the server refuses is told in its own words, and the old state is answered', async (t) => {
  await go(aZoneTable(zone, { 'www A': ['192.0.2.1'] }));
  for (const [key, content] of [
    ['www A', 'nonsense'],
    ['x TXT', '$INCLUDE /etc/passwd'],
    ['x LUA', 'A "os.execute()"'.repeat(2)],
    ['www CNAME', 'a.example.\nb.example. A 192.0.2.1'],
    ['x A', '192.0.2.1 ; comment'],
  ] as const) {
    await t.rejects(go(aZoneTable(zone, { 'www A': ['192.0.2.1'], [key]: [content] })), RefusedError, key);
    t.same(await dig('www.acme.example', 'A'), ['192.0.2.1'], key);
  }
});

await t.test('any text survives as one record of TXT', async (t) => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
    fc.constantFrom(
      '',
      '"',
      '\\',
      '\\"',
      '" "',
      'a" "b',
      '\\034',
      '$INCLUDE x',
      '@',
      '; x',
      '\r\n',
      '\t',
      'ü'.repeat(300),
    ),
  );
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(texts, { minLength: 1, maxLength: 6 }), async (values) => {
      const set = values.map((value) => value.replaceAll('\0', '').toWellFormed());
      const contents = [...new Set(set)].map((value) => contentOf('TXT', value) ?? '');
      const state = aZoneTable(zone, { 'witness A': ['192.0.2.1'], 'text TXT': contents });
      await go(state);
      t.strictSame(await planned(state), []);
      const answered = await dig('text.acme.example', 'TXT', '+tcp');
      t.same(answered.map(textIn).toSorted(), [...new Set(set)].toSorted());
      t.same(await dig('witness.acme.example', 'A'), ['192.0.2.1']);
      count += 1;
    }),
    { numRuns: 40, seed: 1 },
  );
  t.comment(`${count} sets`);
});

/** What dig shows as `"…" "…"`, put together. */
function textIn(line: string): string {
  const bytes: number[] = [];
  for (const [, inner = ''] of line.matchAll(/"((?:[^"\\]|\\.)*)"/gs)) {
    for (const [, number, letter] of inner.matchAll(/\\(\d{3})|\\?([^])/g)) {
      bytes.push(number === undefined ? (letter ?? '').charCodeAt(0) : Number(number));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

await t.test(
  'a signed zone has exactly the keys that are wanted, and none of a Secret that holds another',
  async (t) => {
    const first = keyIn('first');
    const second = keyIn('second');
    const signed = (...keys: readonly ZoneKey[]): ZoneTable => aZoneTable(zone, { 'www A': ['192.0.2.1'] }, { keys });
    const published = async () => (await dig('acme.example', 'DNSKEY', '+tcp')).map((line) => line.replaceAll(' ', ''));
    const spelled = (...keys: readonly ZoneKey[]) => keys.map(({ dnskey }) => dnskey.replaceAll(' ', '')).toSorted();
    await go(signed(first));
    t.same(await published(), spelled(first));
    await go(signed(first, second));
    t.same((await published()).toSorted(), spelled(first, second));
    await go(signed(second));
    t.same(await published(), spelled(second));
    secrets.delete('first');
    await go(signed(first));
    t.same(await published(), spelled(first), 'what was put away comes back, be its Secret gone');
    await go(signed());
    t.same(await published(), []);
    t.strictSame(await planned(signed()), []);
    await t.rejects(go(signed({ ...keyIn('third'), secret: second.secret })), { message: /not the one of its DNSKEY/ });
    secrets.set('hostile', { private: 'Private-key-format: v1.2\nAlgorithm: 8 (RSASHA256)\nModulus: x\n' });
    await t.rejects(
      go(
        signed({ ...first, dnskey: second.dnskey.replace('13', '8'), secret: { namespace: 'acme', name: 'hostile' } }),
      ),
      {
        message: /has no private key/,
      },
    );
    await go(driver.nothing);
  },
);

await t.test('what runs is left alone, and what was killed comes back with its zones', async (t) => {
  const state = aZoneTable(zone, { 'www A': ['192.0.2.1'] });
  await go(state);
  const { pid } = (await server.host.services.get('pdns', signal)) ?? {};
  await startDns(server.host, server.settings, signal);
  t.equal((await server.host.services.get('pdns', signal))?.pid, pid);
  killProcess(pid);
  await until(async () => (await dig('www.acme.example', 'A'))[0] === '192.0.2.1', 'the server to come back');
  t.strictSame(await until(() => planned(state), 'its API'), []);
  await startDns(server.host, { ...server.settings, resolver: '127.0.0.1:1' }, signal);
  t.not((await server.host.services.get('pdns', signal))?.pid, pid, 'with another configuration it is started anew');
  t.strictSame(await planned(state), []);
});
