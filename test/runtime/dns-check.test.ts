import t from 'tap';
import { askDns, type DnsServer } from '#runtime/dns/ask.ts';
import { openLookup, type Ask, type Lookup } from '#runtime/dns/lookup.ts';
import { powerdnsDriver, type ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import { addressFinding, caaFinding, type Finding } from '#runtime/cli/commands/dns/findings.ts';
import { examineSite, examineZone, type ExaminedZone } from '#runtime/cli/commands/dns/examine.ts';
import { parseServer } from '#runtime/cli/commands/dns/server-flag.ts';
import type { DeclaredSet } from '#runtime/cli/commands/dns/declared-zone.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { reach } from '#test/contracts/driver.ts';
import { aZoneTable, openNameServer, type NameServer } from '#test/lab/name-server.ts';

const ds = '12345 13 2 5f78aaaabbbbccccddddeeeeffff00005f78aaaabbbbccccddddeeeeffff0000';

/** The zone above, our server and a secondary, each on its own. */
const [parent, ours, second] = [await openNameServer(t), await openNameServer(t), await openNameServer(t)];
const has = async ({ world }: NameServer, zones: ZoneTable): Promise<void> => {
  const owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
  await reach(powerdnsDriver, world, owner, zones);
};
const glue = { 'ns1.acme A': ['192.0.2.1'], 'ns2.acme A': ['192.0.2.2'] };
const delegation = { 'acme NS': ['ns1.acme.example.', 'ns2.acme.example.'], ...glue };
const zoneAbove = (records: Readonly<Record<string, readonly string[]>>): ZoneTable =>
  aZoneTable('example.', { 'ns1 A': ['192.0.2.3'], ...records });
const zone = (records: Readonly<Record<string, readonly string[]>> = {}): ZoneTable =>
  aZoneTable('acme.example.', {
    '@ NS': ['ns1.acme.example.', 'ns2.acme.example.'],
    'ns1 A': ['192.0.2.1'],
    'ns2 A': ['192.0.2.2'],
    'www A': ['192.0.2.10'],
    '@ CAA': ['0 issue "letsencrypt.org"'],
    ...records,
  });

const places = new Map([
  ['192.0.2.1', ours],
  ['192.0.2.2', second],
  ['192.0.2.3', parent],
]);

/** Addresses lead to the servers of this test; what resolves asks whoever has the name, as public resolvers do. */
const ask: Ask = async (server, question) => {
  const isResolver = server.address === '192.0.2.53';
  const place = isResolver ? (question.name.endsWith('acme.example') ? ours : parent) : places.get(server.address);
  const asked: DnsServer = place === undefined ? server : { address: '127.0.0.1', port: place.settings.port };
  const answer = await askDns(asked, question, parent.signal);
  return isResolver ? { ...answer, isResolver } : answer;
};
const byResolver = async (): Promise<Lookup> => await openLookup(ask, parseServer('192.0.2.53'), 'acme.example');

const www: DeclaredSet = {
  object: 'www',
  owner: undefined,
  name: 'www.acme.example.',
  type: 'A',
  ttlSeconds: 300,
  contents: ['192.0.2.10'],
  reason: 'Answered',
  message: '',
};
const declared: ExaminedZone = {
  name: 'acme.example',
  nameservers: ['ns1.acme.example', 'ns2.acme.example'],
  serial: undefined,
  ds: [ds],
  declared: [www],
};
const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ check, state }) => `${check} ${state}`);
const look = async (zone: Partial<ExaminedZone> = {}): Promise<readonly Finding[]> =>
  await examineZone({ ...declared, ...zone }, await byResolver());
const wrongOf = (findings: readonly Finding[]): readonly (readonly (string | undefined)[])[] =>
  findings.filter(({ state }) => state === 'Wrong').map(({ check, message, advice }) => [check, message, advice]);

await t.test('a zone that is delegated, vouched for and answered by all its servers is right', async (t) => {
  await has(parent, zoneAbove({ ...delegation, 'acme DS': [ds] }));
  for (const server of [ours, second]) await has(server, zone());
  const findings = await look();
  t.same(brief(findings), ['Delegation Right', 'DS Right', 'NameServers Right', 'NameServers Right']);
});

await t.test('a parent that names others is told, with what to enter at the registrar', async (t) => {
  await has(parent, zoneAbove({ 'acme NS': ['ns.elsewhere.example.'], 'acme DS': [ds] }));
  t.same(wrongOf(await look()), [
    [
      'Delegation',
      'example names ns.elsewhere.example.',
      'At the registrar of acme.example, enter these name servers and no others: ns1.acme.example, ns2.acme.example.',
    ],
  ]);
  await has(parent, zoneAbove({ 'acme DS': [ds] }));
  t.match(wrongOf(await look()), [['Delegation', 'example delegates acme.example to nobody.']]);
  await has(parent, zoneAbove({ 'acme NS': delegation['acme NS'], 'ns1.acme A': ['192.0.2.1'], 'acme DS': [ds] }));
  t.match(wrongOf(await look()), [['Delegation', 'example names ns2.acme.example without an address (glue).']]);
});

await t.test('a DS that is missing, of another key, or of a zone that is not signed is told', async (t) => {
  await has(parent, zoneAbove({ ...delegation, 'acme DS': [ds] }));
  const other = ds.replace('12345', '999');
  t.match(wrongOf(await look({ ds: [other] })), [
    ['DS', /of no key of ours .*whoever validates cannot/, `take the DS ${ds} away, and enter ${other}.`],
  ]);
  t.match(wrongOf(await look({ ds: [] })), [['DS', /of no key of ours/, `take the DS ${ds} away.`]]);
  t.same(wrongOf(await look({ ds: [other, ds] })), []);
  await has(parent, zoneAbove(delegation));
  t.match(wrongOf(await look()), [['DS', /nobody checks it/, `enter the DS ${ds}.`]]);
  t.match(brief(await look({ ds: [] })), ['Delegation Right', 'DS Right']);
});

await t.test('a server that says something else, is behind, knows nothing or is silent is told by name', async (t) => {
  await has(parent, zoneAbove({ ...delegation, 'acme DS': [ds] }));
  const elsewhere = { ...www, contents: ['192.0.2.77'] };
  t.match(wrongOf(await look({ declared: [elsewhere] })), [
    ['NameServers', /^ns1.* answers otherwise than declared: A of www[.]acme[.]example[.]/],
    ['NameServers', /^ns2.* answers otherwise/],
  ]);
  await has(second, zone({ 'www A': ['192.0.2.99'] }));
  await has(ours, zone({ 'www A': ['192.0.2.10'], 'new A': ['192.0.2.5'] }));
  await has(ours, zone());
  const messages = wrongOf(await look()).map(([, message]) => message);
  t.ok(
    messages.some((message) => message?.startsWith('ns2.acme.example (192.0.2.2) has serial number')),
    String(messages),
  );
  await has(second, powerdnsDriver.nothing);
  t.match(wrongOf(await look()), [['NameServers', /192[.]0[.]2[.]2.* does not speak for acme[.]example/]]);
  places.delete('192.0.2.2');
  places.set('192.0.2.2', { ...second, settings: { ...second.settings, port: 9 } });
  t.match(wrongOf(await look()), [['NameServers', /does not answer/, /port 53/]]);
  places.set('192.0.2.2', second);
  await has(second, zone());
});

await t.test(
  'one server that is no resolver is asked in place of everybody, and what it cannot know is not wrong',
  async (t) => {
    const lookup = await openLookup(ask, { address: '127.0.0.1', port: ours.settings.port }, 'acme.example');
    const findings = await examineZone(declared, lookup);
    t.same(brief(findings), ['Delegation Unknown', 'DS Unknown', 'NameServers Right']);
  },
);

await t.test('where the names of a site lead, and whom CAA allows, is told', async (t) => {
  const site = {
    hostnames: ['www.acme.example'],
    addresses: ['192.0.2.10'],
    mayLeadElsewhere: false,
    caNames: ['letsencrypt.org'],
    needsNoCa: false,
  };
  const lookup = await byResolver();
  t.same(brief(await examineSite(site, lookup)), ['CAA Right', 'Addresses Right']);
  const wrong = await examineSite({ ...site, addresses: ['192.0.2.11'], caNames: ['pki.goog'] }, lookup);
  t.match(wrongOf(wrong), [
    ['CAA', 'CAA of acme.example. allows letsencrypt.org, and not pki.goog.', /0 issue "pki[.]goog"/],
    ['Addresses', 'www.acme.example points to 192.0.2.10.', /has to point it to 192[.]0[.]2[.]11/],
  ]);
  t.same(brief(await examineSite({ ...site, addresses: [], caNames: [] }, lookup)), [
    'CAA Unknown',
    'Addresses Unknown',
  ]);
  const proxied = await examineSite({ ...site, addresses: ['192.0.2.11'], mayLeadElsewhere: true }, lookup);
  t.match(proxied[1], { state: 'Unknown', message: /takes for a proxy/ });
});

await t.test('CAA without an issuer keeps nobody out, and one for nobody everybody', async (t) => {
  const record = (content: string) => ({ name: 'acme.example.', type: 'CAA', ttlSeconds: 1, content });
  const name = 'acme.example';
  for (const [state, ...contents] of [
    ['Right'],
    ['Right', '0 iodef "mailto:a@acme.example"'],
    ['Right', '0 issue "other.example"', '0 issue "letsencrypt.org; validationmethods=http-01"'],
    ['Wrong', '0 issue ";"'],
    ['Wrong', '0 issue "other.example"'],
  ] as const) {
    t.equal(
      caaFinding({ name, caNames: ['sectigo.example', 'letsencrypt.org'] }, contents.map(record)).state,
      state,
      contents.join(),
    );
  }
  t.match(addressFinding({ name, wanted: ['192.0.2.1'] }, { status: 'NXDOMAIN', records: [] }), { state: 'Wrong' });
});

await t.test('a server is named by its address, with a port or without', (t) => {
  t.same(parseServer('192.0.2.1'), { address: '192.0.2.1', port: 53 });
  t.same(parseServer('127.0.0.1:18053'), { address: '127.0.0.1', port: 18_053 });
  t.same(parseServer('2001:db8::1'), { address: '2001:db8::1', port: 53 });
  t.same(parseServer('[2001:db8::1]:5353'), { address: '2001:db8::1', port: 5353 });
  for (const wrong of ['', 'ns1.example', '192.0.2.1:0', '192.0.2.1:99999', '1.2.3', '[::1]x'])
    t.throws(() => parseServer(wrong), UsageError);
  t.end();
});
