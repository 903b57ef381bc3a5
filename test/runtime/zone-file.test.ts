import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { noteRecord, type NotedSet } from '#runtime/drivers/powerdns/listed-records.ts';
import { isEqual } from '#runtime/base/json.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { parseZoneFile, type ParsedZone } from '#runtime/dns/zone-file/parse.ts';
import { printZoneFile, type PrintedRecord } from '#runtime/dns/zone-file/print.ts';
import { run } from '#test/lab/run.ts';

const zone = 'acme.example';
const directory = await mkdtemp(join(tmpdir(), 'wcp360-zone-file-'));
t.teardown(async () => await rm(directory, { recursive: true, force: true }));

/** As `print` takes them. */
const contentsOf = ({ records }: ParsedZone): readonly PrintedRecord[] =>
  records.map(({ name, type, ttlSeconds = 0, value }) => ({
    name: wholeName(name, zone),
    type,
    ttlSeconds,
    content: contentOf(type, value) ?? '?',
  }));
const brief = (text: string): readonly string[] => {
  const parsed = parseZoneFile(text, zone);
  return [
    ...parsed.records.map(({ name, type, ttlSeconds, value }) => `${name} ${String(ttlSeconds)} ${type} ${value}`),
    ...parsed.faults.map(({ line, message }) => `${line}: ${message}`),
  ];
};

const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?$/);
const names = fc.oneof(fc.constantFrom('@', '*', 'www', '_dmarc', '*.a', 'in', 'a', '300', 'txt'), label);
const hosts = fc.constantFrom('www.acme.example.', 'mail.elsewhere.test.');
const targets = fc.oneof(hosts, fc.constant('_sip._udp.acme.example.'));
const short = fc.integer({ min: 0, max: 65_535 }).map(String);
const hex = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const joined = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((words) => words.join(' '));
const contents: Readonly<Record<string, fc.Arbitrary<string>>> = {
  A: fc.ipV4(),
  AAAA: fc.ipV6().map((address) => contentOf('AAAA', address.toLowerCase()) ?? '2001:db8::1'),
  CAA: fc.constantFrom(
    '0 issue "letsencrypt.org"',
    '128 issue ";"',
    '0 iodef "mailto:a@acme.example"',
    '0 issue "a; b"',
  ),
  CNAME: targets,
  DS: joined(short, fc.constant('13 2'), hex),
  HTTPS: fc.constantFrom('1 . alpn=h2,h3', '0 www.acme.example.', '1 a.test. port=8443 ipv4hint=192.0.2.1 ech="AAA="'),
  MX: joined(short, fc.oneof(hosts, fc.constant('.'))),
  NAPTR: fc.constantFrom('100 10 "S" "SIP+D2U" "" _sip._udp.acme.example.', '1 2 "U" "E2U+sip" "!^.*$!sip:a@b!" .'),
  PTR: targets,
  SRV: joined(short, short, short, hosts),
  SSHFP: joined(fc.constant('4 2'), hex),
  TLSA: joined(fc.constant('3 1 1'), hex),
  TXT: fc
    .oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('', '"', '\\', '; no comment', '( "', '$INCLUDE x', '\\034', 'a\nb', '\r', 'é'.repeat(200)),
    )
    .filter((text) => !text.includes('\0') && text.isWellFormed())
    .map((text) => contentOf('TXT', text) ?? ''),
};
const records: fc.Arbitrary<PrintedRecord> = fc.constantFrom(...Object.keys(contents)).chain((type) =>
  fc.record({
    name: names.map((name) => wholeName(name, zone)),
    type: fc.constant(type),
    ttlSeconds: fc.nat(2 ** 31 - 1),
    content: contents[type] ?? fc.constant(''),
  }),
);

t.test('what is printed is read as the same records', (t) => {
  fc.assert(
    fc.property(fc.array(records, { maxLength: 12 }), (printed) => {
      const parsed = parseZoneFile(printZoneFile(zone, printed), zone);
      return parsed.faults.length === 0 && isEqual(contentsOf(parsed), printed);
    }),
    { numRuns: 400 },
  );
  t.pass();
  t.end();
});

/** What PowerDNS' own parser makes of a file; it knows every type by the spelling of the server. */
async function otherParser(text: string): Promise<readonly string[]> {
  const file = join(directory, 'zone');
  await writeFile(file, text);
  const { stdout, stderr, exitCode } = await run(['/usr/bin/zone2json', `--zone=${file}`, `--zone-name=${zone}`]);
  if (exitCode !== 0) throw new Error(`zone2json: ${stderr}`);
  const { records } = JSON.parse(stdout) as { readonly records: readonly OtherRecord[] };
  return records.map(({ name, type, ttl, prio, content }) => {
    const whole = ['MX', 'SRV'].includes(type) ? `${prio} ${content}` : content;
    return alike(`${name} ${ttl} ${type} ${whole}`);
  });
}

interface OtherRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly prio: number;
  readonly content: string;
}

/** It leaves the dots at the ends of names away. */
function alike(record: string): string {
  return record.replaceAll(/[.](?= |$)/g, '');
}

const ours = (records: readonly PrintedRecord[]): readonly string[] =>
  records.map(({ name, type, ttlSeconds, content }) => alike(`${name} ${ttlSeconds} ${type} ${content}`));

const ofOthers = `; cPanel first:11.110.0.15 (update_time):1700000000 Cpanel::ZoneFile::VERSION:1.3 hostname:web1
$TTL 14400
@      86400   IN      SOA     ns1.acme.example.      admin.acme.example. (
                2024010101 ; serial
                3600       ; refresh
                1800 1209600
                86400 )
acme.example.  86400   IN      NS      ns1.acme.example.
acme.example.\t14400\tIN\tA\t192.0.2.1
\tIN MX 0 acme.example.
mail IN CNAME acme.example.
www 300 CNAME @
FTP    14400   IN      A 192.0.2.1
default._domainkey IN TXT ( "v=DKIM1; k=rsa; p=MIIBIjANBgkq"
   "hkiG9w0BAQEFAAOCAQ8A" ) ; the key
@ IN TXT "v=spf1 +a +mx ~all"
plain 1h IN TXT no-quotes
_sip._tcp IN 1d SRV 0 5 5060 mail
$ORIGIN sub.acme.example.
host 3600 IN A 192.0.2.7
$ORIGIN deep.sub.acme.example.
@ IN AAAA 2001:DB8::7
* A 192.0.2.8
$ORIGIN acme.example.
@ IN CAA 0 issue "letsencrypt.org"
`;

t.test('a file of another panel is read as PowerDNS reads it', async (t) => {
  const parsed = parseZoneFile(ofOthers, zone);
  t.same(parsed.faults, []);
  t.same(
    parsed.skipped.map(({ line, message }) => [line, message]),
    [
      [3, 'SOA of acme.example. is left out: the server makes its own.'],
      [8, 'NS of acme.example. is left out: spec.nameservers of the Zone says them.'],
    ],
  );
  const theirs = (await otherParser(ofOthers)).filter((line) => !/ (SOA|NS) /.test(line));
  // It leaves strings and letters as they are, and does not put `"` around what has none.
  const loosely = (line: string): string => line.toLowerCase().replaceAll('" "', '').replaceAll('"', '');
  t.same(ours(contentsOf(parsed)).map(loosely).toSorted(), theirs.map(loosely).toSorted());
  t.equal(parsed.records.length, 13);
});

t.test('what we print PowerDNS reads as the same records', async (t) => {
  for (const printed of fc.sample(fc.array(records, { minLength: 20, maxLength: 20 }), { numRuns: 5, seed: 7 }))
    t.same((await otherParser(printZoneFile(zone, printed))).toSorted(), ours(printed).toSorted());
});

t.test('names, times and classes are read in every order that BIND takes', (t) => {
  t.same(brief('a A 192.0.2.1'), ['a undefined A 192.0.2.1']);
  t.same(brief('a 1h30m IN A 192.0.2.1\n IN 1W A 192.0.2.2'), ['a 5400 A 192.0.2.1', 'a 604800 A 192.0.2.2']);
  t.same(brief('$TTL 1d\na A 192.0.2.1\nb 5 A 192.0.2.1'), ['a 86400 A 192.0.2.1', 'b 5 A 192.0.2.1']);
  t.same(brief('a 7 A 192.0.2.1\nb A 192.0.2.1'), ['a 7 A 192.0.2.1', 'b 7 A 192.0.2.1']);
  t.same(brief('in in a 192.0.2.1\r\n'), ['in undefined A 192.0.2.1']);
  t.same(brief('$ORIGIN b\na A 192.0.2.1'), ['a.b undefined A 192.0.2.1']);
  t.same(brief('A.acme.EXAMPLE. CNAME B'), ['a undefined CNAME b.acme.example']);
  t.same(brief('a ( MX\n 10 ; ten\n mail.test. )\nb A 192.0.2.1'), [
    'a undefined MX 10 mail.test',
    'b undefined A 192.0.2.1',
  ]);
  t.same(brief('a HTTPS 1 . alpn="h2,h3"'), ['a undefined HTTPS 1 . alpn=h2,h3']);
  t.same(brief('a TLSA 3 1 1 ( ABCD\n 0123 )'), ['a undefined TLSA 3 1 1 abcd0123']);
  t.same(brief('a TXT "a\\"b" c\\059d "\\195\\169"'), ['a undefined TXT a"bc;dé']);
  t.end();
});

t.test('what would be lost or lead elsewhere is refused with its line, and the rest of the file is looked at', (t) => {
  for (const [text, line, message] of [
    ['a A 192.0.2.1\n$INCLUDE /etc/passwd', 2, '$INCLUDE is not followed'],
    ['$include db.other other.example.', 1, '$INCLUDE is not followed'],
    ['$GENERATE 1-1000000 host$ A 192.0.2.$', 1, '$GENERATE is not followed'],
    ['www.other.example. A 192.0.2.1', 1, 'www.other.example. is not a name in acme.example.'],
    ['notacme.example. A 192.0.2.1', 1, 'is not a name in acme.example.'],
    ['$ORIGIN other.example.\nwww A 192.0.2.1', 2, 'www.other.example. is not a name'],
    ['a\\.b A 192.0.2.1', 1, 'is not a name in'],
    ['a A 192.0.2.256', 1, 'That is no A: 192.0.2.256'],
    ['a A', 1, 'That is no A'],
    ['a A 192.0.2.1 192.0.2.2', 1, 'That is no A'],
    ['a MX mail', 1, 'That is no MX'],
    ['a LUA A "os.execute()"', 1, 'There are no records of type LUA here.'],
    ['a CH TXT "x"', 1, 'There are no records of class CH here.'],
    ['a IN', 1, 'The record has no type.'],
    [' A 192.0.2.1', 1, 'The first record has no name.'],
    ['$TTL soon', 1, '$TTL has no time'],
    ['a TXT "open\nb A 192.0.2.1', 1, 'A quoted string does not end in its line.'],
    ['a TXT ( "x"\n', 2, 'A parenthesis is not closed.'],
    ['a TXT "x" )', 1, 'A parenthesis closes none.'],
    ['a TXT "\\999"', 1, 'That is no TXT'],
    ['a TXT "\\000"', 1, 'That is no TXT'],
    ['a TXT "\\255"', 1, 'That is no TXT'],
    [`a TXT "${'x'.repeat(4_097)}"`, 1, 'That is no TXT'],
    ['a 99999999999 A 192.0.2.1', 1, 'There are no records of type 99999999999'],
  ] as const) {
    const { faults } = parseZoneFile(text, zone);
    t.equal(faults.length, 1, text);
    t.match(faults[0], { line }, text);
    t.ok(faults[0]?.message.includes(message), `${text}: ${faults[0]?.message ?? ''}`);
  }
  for (const text of [`a CNAME ${'a.'.repeat(126)}org.`, 'a MX 10 mail_server', 'a HTTPS 1 . ech="a===="'])
    t.match(parseZoneFile(text, zone), { records: [], faults: [{ message: /^That is no / }] }, text);
  t.same(brief('a A nonsense\nb A 192.0.2.1\nc LOC x'), [
    'b undefined A 192.0.2.1',
    '1: That is no A: nonsense',
    '3: There are no records of type LOC here.',
  ]);
  t.end();
});

t.test('whatever text comes in, each record that is read fits its type, and nothing is thrown', (t) => {
  const words = fc.constantFrom(
    'a',
    '@',
    'IN',
    'A',
    'TXT',
    'MX',
    '10',
    '192.0.2.1',
    '"',
    '(',
    ')',
    ';',
    '\\',
    '\n',
    ' ',
    '\t',
    '$TTL',
    '$ORIGIN',
    '.',
    '\\0',
    '"x"',
    '\r\n',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join(' ')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      return contentsOf(parseZoneFile(text, zone)).every(({ content }) => content !== '?');
    }),
    { numRuns: 2_000 },
  );
  t.pass();
  t.end();
});

t.test('a long text is read in one go, be it one word, one string or nothing but parentheses and quotes', (t) => {
  const size = 500_000;
  for (const text of ['x', '"', '\\', '(', '()', 'a ', '\n', ';', '"a"', '\\"', '( \n'])
    t.ok(parseZoneFile(`a TXT ${text.repeat(size / text.length)}`, zone).records.length <= 1);
  t.end();
});

t.test('records of one set are noted as they come, however many there are', async (t) => {
  const sets = new Map<string, NotedSet>();
  // Where each copies those before it, it takes minutes.
  for (let count = 0; count < 200_000; count += 1) {
    const record = { zone: 'acme.example.', name: 'text.acme.example.', type: 'TXT', ttl: 300, disabled: false };
    noteRecord(sets, { ...record, content: `"${count}"` });
  }
  t.equal(sets.get('text.acme.example. TXT')?.contents.length, 200_000);
});
