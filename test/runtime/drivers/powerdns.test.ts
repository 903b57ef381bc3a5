import t from 'tap';
import fc from 'fast-check';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError, PostponedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { DnsServer } from '#runtime/dns/ask.ts';
import { parentDs } from '#runtime/dns/parent-ds.ts';
import {
  powerdnsDriver,
  startDns,
  type ZoneAbove,
  type ZoneSettings,
  type ZoneState,
  type ZoneTable,
} from '#runtime/drivers/powerdns/index.ts';
import { refusedAmong } from '#runtime/drivers/powerdns/model.ts';
import { powerdnsRecords } from '#test/contracts/powerdns-records.ts';
import { RECORD_FORMATS } from '#schemas/meta/patterns.ts';
import { contentOf } from '#schemas/meta/record-content.ts';
import { reach } from '#test/contracts/driver.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { aZoneTable, keptKey, openNameServer } from '#test/lab/name-server.ts';
import { patienceMs } from '#test/lab/patience.ts';

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

await t.test('a zone that is made again goes on from the serial number that others know', async (t) => {
  const serialOf = async (): Promise<number> => Number((await dig('acme.example', 'SOA'))[0]?.split(' ')[2]);
  const [[name, state]] = [...aZoneTable(zone, { 'www A': ['192.0.2.1'] }, { keys: [keyIn('serial')] })] as [
    [string, ZoneState],
  ];
  await go(new Map([[name, state]]));
  const known = (await serialOf()) + 12;
  for (const records of [
    state.records,
    new Map([...state.records, [`x.${zone} A`, { ttlSeconds: 60, contents: ['x'] }]]),
  ]) {
    await go(driver.nothing);
    await go(new Map([[name, { ...state, records, serial: known }]])).catch((err: unknown) =>
      t.match(err, { message: /x/ }),
    );
    t.ok((await serialOf()) > known, `${await serialOf()} after ${known}`);
  }
  await go(driver.nothing);
});

await t.test('a look at what stands writes nothing', async (t) => {
  const state = aZoneTable(zone, { 'www A': ['192.0.2.1'] });
  await go(state);
  const from = writes().length;
  await go(state);
  t.same(writes().slice(from), []);
});

/** What the agent asks; only the time is the test's. */
const zoneAbove = (resolvers: readonly DnsServer[], now: () => number): ZoneAbove => {
  const own = { address: '127.0.0.1', port: server.settings.port };
  return {
    dsOf: async (name) => await parentDs(name, { own, resolvers }, signal),
    clock: { ...systemClock, now },
  };
};

await t.test('no key goes while others go by its DS, or may remember it, and it is said until when', async (t) => {
  const [first, second] = [keyIn('parted-1'), keyIn('parted-2')];
  let now = Date.parse('2026-01-01T00:00:00Z');
  const asking = { ...world, zoneAbove: zoneAbove([], () => now) };
  const child = 'child.acme.example.';
  const settle = async (keys: readonly ZoneKey[], address = '192.0.2.1') =>
    await reach(driver, asking, other, aZoneTable(child, { 'www A': [address] }, { keys }));
  const above = async (...ds: readonly string[]) =>
    await go(aZoneTable(zone, { 'child NS': [`ns1.${child}`], ...(ds.length === 0 ? {} : { 'child DS': ds }) }));
  const dsOf = async (): Promise<readonly string[]> =>
    (await dig(child, 'CDS')).map((line) => line.toLowerCase().replaceAll(/([0-9a-f]{32,}) ([0-9a-f]+)/g, '$1$2'));
  const ttlMs = 300_000;
  const remembered = async (wanted: readonly ZoneKey[], until: string): Promise<void> => {
    for (const later of [0, ttlMs - 1_000]) {
      now += later;
      await t.rejects(
        settle(wanted),
        { message: `others may remember it until ${until}` },
        `after ${String(later)} ms`,
      );
    }
    now += 1_000;
    await settle(wanted);
  };
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
  t.equal(await keys(), 2, 'whoever enters the DS of the new one finds its key');
  await settle([first, second]);
  t.equal(await keys(), 2);
  await settle([first]);
  t.equal(await keys(), 1, 'the one goes whose DS is nowhere');
  await settle([first, second]);
  const both = await dsOf();
  await t.rejects(settle([second]), { message: /enter that of a key that stays/ });
  const next = both.filter((each) => !ds.includes(each));
  await above(...next);
  await remembered([second], '2026-01-01T00:05:00Z');
  t.same(await dsOf(), next, 'rolled');
  await t.rejects(settle([]), { message: /take it away at the registrar/ });
  now += 86_400_000;
  await above();
  await remembered([], '2026-01-02T00:10:00Z');
  t.equal(await keys(), 0);
  await settle([first]);
  await settle([]);
  t.equal(await keys(), 0, 'one whose DS never was above goes at once');
  for (const [table, owner] of [
    [driver.nothing, other],
    [driver.nothing, one],
  ] as const)
    await go(table, owner);
});

await t.test('a DS that nobody can tell of keeps the keys', async (t) => {
  const key = keyIn('untold');
  const asking = { ...world, zoneAbove: zoneAbove([{ address: '127.0.0.1', port: 9 }], Date.now) };
  const signed = (keys: readonly ZoneKey[]): ZoneTable => aZoneTable('acme.dk.', {}, { keys });
  await reach(driver, asking, one, signed([key]));
  await t.rejects(reach(driver, asking, one, signed([])), HostError);
  t.equal((await dig('acme.dk', 'DNSKEY', '+tcp')).length, 1);
  await go(driver.nothing);
});

await t.test('of a DS that a resolver tells of, others may know for a day at least', async (t) => {
  const above = zoneAbove([{ address: '127.0.0.1', port: server.settings.port }], Date.now);
  await go(aZoneTable('tld.', { 'acme DS': ['1 13 2 5f78'.padEnd(71, '0')], 'acme NS': ['ns1.acme.tld.'] }), other);
  // Our own server speaks for the zone above, and tells the very TTL.
  t.match(await above.dsOf('acme.tld.', signal), { rememberedSeconds: 300, contents: [/^1 13 2 5f78/] });
  const elsewhere = await openNameServer(t);
  const own = { address: '127.0.0.1', port: elsewhere.settings.port };
  const resolvers = [{ address: '127.0.0.1', port: server.settings.port }];
  t.match(await parentDs('acme.tld.', { own, resolvers }, signal), { rememberedSeconds: 86_400 });
  t.same(await parentDs('none.tld.', { own, resolvers }, signal), { contents: [], rememberedSeconds: 0 });
  await go(driver.nothing, other);
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
        timeoutMs: patienceMs,
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

const refusals: readonly (readonly [string, string])[] = [
  ['www A', 'nonsense'],
  ['x TXT', '$INCLUDE /etc/passwd'],
  ['x LUA', 'A "os.execute()"'.repeat(2)],
  ['www CNAME', 'a.example.\nb.example. A 192.0.2.1'],
  ['x A', '192.0.2.1 ; comment'],
];

await t.test('what the server refuses is told once in its own words, and all else is answered', async (t) => {
  await go(aZoneTable(zone, { 'www A': ['192.0.2.1'], 'gone A': ['192.0.2.1'] }));
  for (const [count, [key, content]] of refusals.entries()) {
    const address = `192.0.2.${String(10 + count)}`;
    const others = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`n${index} A`, [address]]));
    const wanted = aZoneTable(zone, { 'www A': ['192.0.2.1'], ...others, [key]: [content] });
    const refusal = { code: 'WCP_POSTPONED', message: /^The name server refuses: / };
    await t.rejects(go(wanted), refusal, key);
    const from = writes().length;
    await go(wanted);
    t.ok(writes().length - from <= 1, 'it is not tried again');
    t.strictSame(await planned(wanted), [], key);
    const found = driver.of(one, await driver.observe(world, signal)).get(zone);
    const [name = '', type = ''] = key.split(' ');
    const records = driver.normalize(wanted).get(zone)?.records ?? new Map<string, never>();
    t.match(refusedAmong(records, found?.refused ?? {}), [{ record: `${name}.${zone} ${type}`, words: /refuses/ }]);
    t.same(await dig('www.acme.example', 'A'), ['192.0.2.1'], key);
    t.same(await dig('gone.acme.example', 'A'), [], 'what is not wanted any more goes');
    for (const each of ['n0', 'n4', 'n8']) t.same(await dig(`${each}.acme.example`, 'A'), [address], key);
  }
  const mended = aZoneTable(zone, { 'x A': ['192.0.2.1'] });
  await go(mended);
  t.same(await dig('x.acme.example', 'A'), ['192.0.2.1'], 'something else under its name is tried');
  await go(driver.nothing);
});

await t.test('a zone is made without the records that the server refuses', async (t) => {
  const key = keyIn('made');
  const wanted = aZoneTable(zone, { 'www A': ['192.0.2.1'], 'x A': ['nonsense'], 'b TXT': ['"b"'] }, { keys: [key] });
  await t.rejects(go(wanted), { message: /nonsense/ });
  t.same(await dig('www.acme.example', 'A'), ['192.0.2.1']);
  t.equal((await dig('acme.example', 'DNSKEY', '+tcp')).length, 1, 'signed');
  t.strictSame(await planned(wanted), []);
  await go(driver.nothing);
});

/** As long as a pattern lets them be, or beside the sense of what they say. */
const extremes: Readonly<Partial<Record<keyof typeof RECORD_FORMATS, readonly string[]>>> = {
  CNAME: [`${'a.'.repeat(125)}org`, `${'a.'.repeat(126)}org`, `${`${'a'.repeat(63)}.`.repeat(4)}org`],
  MX: [`10 ${'a.'.repeat(126)}org`, '0 .', '10 mail_server.acme.example', '10 a-.acme.example'],
  NS: [`${'a.'.repeat(2_000)}org`, 'ns_1.acme.example'],
  SRV: [`0 0 0 ${'a.'.repeat(126)}org`, '0 0 443 _x.acme.example'],
  CAA: [`0 issue "${'a'.repeat(4_000)}"`, '0 issue a', '128 a ""'],
  DS: ['1 1 1 0a', `1 13 2 ${'0a'.repeat(1_000)}`],
  HTTPS: [
    ...[
      '1 . ech=a====',
      '1 . ech=aA==',
      '1 . ech=aB==',
      '1 . ech=a',
      '1 . ech=AEX+DQ==',
      `1 . alpn=${'a'.repeat(300)}`,
    ],
    ...[
      '1 . mandatory=alpn',
      '1 . mandatory=alpn alpn=h2',
      '1 . mandatory=mandatory',
      '1 . mandatory=foo',
      '1 . mandatory=port,alpn alpn=h2 port=1',
    ],
    ...[
      '1 . no-default-alpn',
      '1 . ipv4hint=192.0.2.1,192.0.2.1',
      '0 .',
      `1 ${'a.'.repeat(126)}org`,
      '1 . alpn=h2,h2',
      '1 . alpn=/',
    ],
    ...[
      '1 . mandatory=alpn,alpn alpn=h2',
      '1 . mandatory=ech ech=AEX+DQ==',
      '1 . mandatory=no-default-alpn no-default-alpn alpn=a',
      '1 . ipv6hint=2001:db8::1,::1',
    ],
  ],
  NAPTR: [
    `1 1 "${'a'.repeat(256)}" "" "" .`,
    `1 1 "" "${'a'.repeat(256)}" "" .`,
    `1 1 "" "" "${'a'.repeat(256)}" .`,
    `1 1 "a" "b" "!^.*$!sip:x!" ${'a.'.repeat(126)}org`,
    `1 1 "${'a'.repeat(255)}" "" "a b" .`,
  ],
  SSHFP: ['4 2 0a', `4 2 ${'0a'.repeat(1_000)}`],
  TLSA: ['3 1 1 0a', `255 255 255 ${'0a'.repeat(2_000)}`],
};

await t.test('whatever a DNSRecord may say the server takes, in this very spelling', async (t) => {
  const count = { taken: 0, refused: 0 };
  const isRight = async (type: keyof typeof RECORD_FORMATS, value: string): Promise<void> => {
    const content = new RegExp(RECORD_FORMATS[type]).test(value) ? contentOf(type, value) : undefined;
    count[content === undefined ? 'refused' : 'taken'] += 1;
    if (content === undefined) return;
    const state = aZoneTable(zone, { [`x ${type}`]: [content] });
    await go(state);
    t.strictSame(await planned(state), [], `${type} ${value}`);
  };
  for (const type of Object.keys(RECORD_FORMATS) as (keyof typeof RECORD_FORMATS)[]) {
    for (const value of extremes[type] ?? []) await t.resolves(isRight(type, value), `${type} ${value.slice(0, 80)}`);
    const values = fc.stringMatching(new RegExp(RECORD_FORMATS[type]), { maxLength: 4_096 });
    const isAnyRight = fc.asyncProperty(values, async (value) => await isRight(type, value));
    await fc.assert(isAnyRight, { numRuns: 25, seed: 1 });
  }
  t.ok(count.taken > 100, JSON.stringify(count));
  const [longest, longer] = [`${'a.'.repeat(125)}org`, `${'a.'.repeat(124)}a0.org`];
  t.same([contentOf('CNAME', longest), contentOf('CNAME', longer)], [`${longest}.`, undefined]);
  await go(driver.nothing);
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
