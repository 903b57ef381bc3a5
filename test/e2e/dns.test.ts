import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { challengeKind } from '#schemas/v1alpha1/challenge.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { dig } from '#test/lab/name-server.ts';
import { startCloudflare } from '#test/lab/dns-providers/cloudflare.ts';
import { startDigitalOcean } from '#test/lab/dns-providers/digital-ocean.ts';
import { startHetzner } from '#test/lab/dns-providers/hetzner.ts';
import { startRoute53 } from '#test/lab/dns-providers/route53.ts';
import { startProviderNameServer } from '#test/lab/dns-providers/name-server.ts';
import { startSecondary } from '#test/lab/secondary.ts';
import { aDomain, declare, declareTenant, domainType, hostType, secretType } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const cloudflare = await startCloudflare(t);
const providers = [cloudflare, await startDigitalOcean(t), await startHetzner(t), await startRoute53(t)];
const providerServer = await startProviderNameServer(t, providers);
const endpoints = providers.map(({ id, url }) => `${id}=${url}`).join(',');
const instance = await startInstance({
  flags: ['--dns-provider-endpoints', endpoints, '--dns-provider-server', providerServer],
});
t.teardown(async () => await instance.stop());
const client = await instance.client();
await declareTenant(client, 'acme');
await declareTenant(client, 'other');

const zoneType = resourceTypeOf(zoneKind);
const recordType = resourceTypeOf(dnsRecordKind);
const challengeType = resourceTypeOf(challengeKind);
const apiVersion = 'hosting.wcp360.io/v1alpha1';
type Part = Readonly<Record<string, unknown>>;

const aZone = (tenant: string, name: string, spec: Part = {}): KubeObject => ({
  apiVersion,
  kind: 'Zone',
  metadata: { name: name.replaceAll('.', '-'), namespace: tenant },
  spec: { name, ...spec },
});
const aRecord = (object: string, spec: Part, tenant = 'acme'): KubeObject => ({
  apiVersion,
  kind: 'DNSRecord',
  metadata: { name: object, namespace: tenant },
  spec: { zoneRef: { name: `${tenant}-example` }, ...spec },
});
const ask = async (name: string, type: string, ...options: readonly string[]) =>
  await dig(instance.ports.dns, [name, type, ...options]);

/** Resolves once the object says so of its newest generation. */
async function told<T extends KubeObject>(type: ResourceType, object: KubeObject, reason: string): Promise<T> {
  const { namespace, name } = object.metadata;
  return await until(async () => {
    const live = await client.get<T>(type, { namespace, name });
    const ready = conditionOf(live, 'Ready');
    return ready?.['reason'] === reason && ready['observedGeneration'] === live?.metadata.generation ? live : undefined;
  }, `${name} to say ${reason}`);
}

const zone = aZone('acme', 'acme.example');

await t.test('a zone and its records are answered, and each says so', async (t) => {
  await declare(client, zoneType, zone);
  const www = aRecord('www', { name: 'www', type: 'A', values: ['192.0.2.1'] });
  await declare(client, recordType, www);
  const live = await told<Zone>(zoneType, zone, 'Answered');
  await told(recordType, www, 'Answered');
  t.same(await ask('www.acme.example', 'A'), ['192.0.2.1']);
  t.same(live.status?.nameservers, ['ns1.acme.example']);
  const [soa = ''] = await ask('acme.example', 'SOA');
  const serial = (await client.get<Zone>(zoneType, zone.metadata as { readonly name: string }))?.status?.serial;
  t.equal(String(serial), soa.split(' ')[2]);
});

await t.test('it is signed, and tells the DS of the key that signs', async (t) => {
  const { status } = await told<Zone>(zoneType, zone, 'Answered');
  const [key] = status?.dnssec?.keys ?? [];
  t.same(await ask('acme.example', 'DNSKEY', '+tcp'), [key?.dnskey].map(spaced));
  t.same(
    (await ask('acme.example', 'CDS')).map((line) => line.toLowerCase().replaceAll(' ', '')),
    [key?.ds.replaceAll(' ', '')],
  );
  const answer = await ask('www.acme.example', 'A', '+dnssec');
  t.ok(answer.some((line) => line.startsWith('A 13 3 ') && line.includes(` ${String(key?.tag)} acme.example. `)));
});

/** As dig prints long base64. */
function spaced(dnskey = ''): string {
  const [flags = '', protocol = '', algorithm = '', text = ''] = dnskey.split(' ');
  return [flags, protocol, algorithm, ...(text.match(/.{1,56}/g) ?? [])].join(' ');
}

await t.test('a change is seen, and what is deleted is gone', async (t) => {
  const www = aRecord('www', { name: 'www', type: 'A', ttl: '1m', values: ['192.0.2.2', '192.0.2.3'] });
  await declare(client, recordType, www);
  await until(async () => (await ask('www.acme.example', 'A')).join() === '192.0.2.2,192.0.2.3', 'the change');
  await told(recordType, www, 'Answered');
  await client.delete(recordType, { namespace: 'acme', name: 'www' });
  await until(async () => (await ask('www.acme.example', 'A')).length === 0, 'it to be gone');
  await until(async () => (await client.get(recordType, { namespace: 'acme', name: 'www' })) === undefined, 'its end');
  t.pass();
});

await t.test(
  'texts of several objects stand beside each other; of other sets one object is answered, and says so',
  async (t) => {
    const records = [
      aRecord('one', { name: '_acme-challenge', type: 'TXT', values: ['token "one"; $INCLUDE x'] }),
      aRecord('two', { name: '_acme-challenge', type: 'TXT', values: ['token-two'] }),
      aRecord('first', { name: 'host', type: 'A', values: ['192.0.2.5'] }),
    ];
    for (const record of records) await declare(client, recordType, record);
    for (const record of records) await told(recordType, record, 'Answered');
    t.same(await ask('_acme-challenge.acme.example', 'TXT'), ['"token \\"one\\"; $INCLUDE x"', '"token-two"']);
    const second = aRecord('second', { name: 'host', type: 'A', values: ['192.0.2.6'] });
    const beside = aRecord('third', { name: 'host', type: 'CNAME', values: ['www.acme.example'] });
    await declare(client, recordType, second);
    await declare(client, recordType, beside);
    await told(recordType, second, 'RecordTaken');
    await told(recordType, beside, 'RecordConflict');
    t.same(await ask('host.acme.example', 'A'), ['192.0.2.5']);
    await until(async () => {
      const live = await client.get(zoneType, { namespace: 'acme', name: 'acme-example' });
      return conditionOf(live, 'RecordsAccepted')?.['reason'] === 'RecordsRefused';
    }, 'the zone to tell of them');
    for (const { metadata } of [second, beside])
      await client.delete(recordType, { namespace: 'acme', name: metadata.name });
  },
);

await t.test('what people declare counts for more than what follows from another object', async (t) => {
  const derived = aRecord('derived', { name: 'shop', type: 'A', values: ['192.0.2.7'] });
  const annotations = { 'hosting.wcp360.io/owner': 'Domain/acme/shop' };
  await declare(client, recordType, { ...derived, metadata: { ...derived.metadata, annotations } });
  await told(recordType, derived, 'Answered');
  const mine = aRecord('mine', { name: 'shop', type: 'CNAME', values: ['elsewhere.example'] });
  await declare(client, recordType, mine);
  await told(recordType, mine, 'Answered');
  await told(recordType, derived, 'Overridden');
  t.same(await ask('shop.acme.example', 'CNAME'), ['elsewhere.example.']);
  await client.delete(recordType, { namespace: 'acme', name: 'mine' });
  await until(async () => (await ask('shop.acme.example', 'A')).join() === '192.0.2.7', 'the derived one again');
  t.pass();
});

await t.test('wcpctl lists what is answered with where it comes from, and what is declared in vain', async (t) => {
  const mine = aRecord('mine', { name: 'shop', type: 'A', ttl: '1m', values: ['192.0.2.8'] });
  await declare(client, recordType, mine);
  await told(recordType, aRecord('derived', {}), 'Overridden');
  await told(recordType, mine, 'Answered');
  const server = ['--server', `127.0.0.1:${instance.ports.dns}`];
  for (const zone of ['acme-example', 'acme.example']) {
    const { stdout, exitCode, stderr } = await instance.wcpctl(['dns', 'records', zone, '-n', 'acme', ...server]);
    t.equal(exitCode, 0, stderr);
    const lines = stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
    t.ok(lines.includes('acme.example. NS 3600 every zone Answered ns1.acme.example.'), stdout);
    t.ok(lines.includes('shop.acme.example. A 60 DNSRecord mine Answered 192.0.2.8'), stdout);
    t.ok(lines.includes('shop.acme.example. A 3600 Domain/acme/shop Overridden 192.0.2.7'), stdout);
    t.ok(lines.includes('_acme-challenge.acme.example. TXT 3600 DNSRecord two Answered "token-two"'), stdout);
  }
  const json = await instance.wcpctl(['dns', 'records', 'acme-example', '-n', 'acme', ...server, '-o', 'json']);
  const rows = JSON.parse(json.stdout) as readonly { readonly state: string; readonly message: string }[];
  t.match(
    rows.find(({ state }) => state === 'Overridden'),
    { content: '192.0.2.7', message: /mine/ },
  );
  await client.delete(recordType, { namespace: 'acme', name: 'mine' });
  await told(recordType, aRecord('derived', {}), 'Answered');
});

await t.test('wcpctl checks a zone against the world, and says what is wrong', async (t) => {
  await told(zoneType, zone, 'Answered');
  const check = async (word: string, address: string) =>
    await instance.wcpctl(['dns', 'check', word, '-n', 'acme', '--server', address]);
  const right = await check('acme.example', `127.0.0.1:${instance.ports.dns}`);
  t.equal(right.exitCode, 0, right.stdout + right.stderr);
  t.match(right.stdout, /Delegation +Unknown/);
  t.match(right.stdout, /NameServers +Right .* answers all [0-9]+ declared sets/);
  const silent = await check('acme.example', '127.0.0.1:9');
  t.match(silent, { exitCode: 1, stderr: /does not answer/ });
  t.match(await check('nothing.example', '127.0.0.1:9'), { exitCode: 1, stderr: /not found/ });
});

const otherPanels = `; exported
$TTL 14400
@ 86400 IN SOA ns1.old.example. admin.acme.example. ( 2024010101 3600 1800
    1209600 86400 ) ; of the former server
@ IN NS ns1.old.example.
imported 300 IN A 192.0.2.20
         300 IN A 192.0.2.21
mail IN MX 10 imported
default._domainkey IN TXT ( "v=DKIM1; k=rsa; p=MIIB"
   "ijANBgkq" )
host 3600 IN A 192.0.2.5
`;

await t.test('a zone file of another panel is declared, the same twice, and comes out again', async (t) => {
  const wcpctl = async (...words: readonly string[]) =>
    await instance.wcpctl(['dns', ...words, '-n', 'acme'], { input: otherPanels });
  const dry = await wcpctl('import', 'acme-example', '-f', '-', '--dry-run', '--force-conflicts');
  t.equal(dry.exitCode, 0, dry.stderr);
  t.match(dry.stderr, /^-:3: SOA of acme.example. is left out[^]*^-:5: NS of acme.example. is left out/m);
  t.match(dry.stdout, /created [(]server dry run[)]/);
  t.same(await ask('imported.acme.example', 'A'), []);
  const first = await wcpctl('import', 'acme-example', '-f', '-', '--force-conflicts');
  t.equal(first.exitCode, 0, first.stderr);
  // What somebody declared by hand is that very object.
  t.match(first.stdout, /^dnsrecord.hosting.wcp360.io\/first (configured|unchanged)$/m);
  const second = await wcpctl('import', 'acme-example', '-f', '-', '--force-conflicts');
  t.equal(second.stdout.match(/ unchanged$/gm)?.length, 4, second.stdout);
  await until(
    async () => (await ask('imported.acme.example', 'A')).join() === '192.0.2.20,192.0.2.21',
    'the addresses',
  );
  await until(async () => (await ask('mail.acme.example', 'MX')).join() === '10 imported.acme.example.', 'the server');
  t.same(await ask('default._domainkey.acme.example', 'TXT'), ['"v=DKIM1; k=rsa; p=MIIBijANBgkq"']);
  const { stdout, exitCode, stderr } = await wcpctl(
    'export',
    'acme.example',
    '--server',
    `127.0.0.1:${instance.ports.dns}`,
  );
  t.equal(exitCode, 0, stderr);
  t.match(stdout, /^[$]ORIGIN acme.example.\n@ 3600 IN SOA ns1.acme.example. /);
  t.match(
    stdout,
    /^imported 300 IN A 192.0.2.20\nimported 300 IN A 192.0.2.21\nmail 14400 IN MX 10 imported.acme.example.$/m,
  );
  const again = await instance.wcpctl(
    ['dns', 'import', 'acme-example', '-f', '-', '-n', 'acme', '--dry-run', '--force-conflicts'],
    {
      input: stdout,
    },
  );
  t.equal(again.exitCode, 0, again.stderr);
  t.match(again.stdout, /acme-example-imported-a-[0-9a-f]{8} unchanged/);
});

await t.test('a zone file with a line that cannot be declared declares nothing, and the line is told', async (t) => {
  const input = 'hostile A 192.0.2.30\n$INCLUDE /etc/passwd\nwww.other.example. A 192.0.2.1\n';
  const { stdout, stderr, exitCode } = await instance.wcpctl(
    ['dns', 'import', 'acme-example', '-f', '-', '-n', 'acme'],
    {
      input,
    },
  );
  t.equal(exitCode, 1);
  t.equal(stdout, '');
  t.match(stderr, /^error: -:2: [$]INCLUDE is not followed[^]*^error: -:3: www.other.example. is not a name/m);
  const records = await client.list<DNSRecord>(recordType, { namespace: 'acme' });
  t.notOk(records.items.some(({ spec }) => spec.name === 'hostile'));
});

await t.test('the name of another tenant, a name below and one above are refused', async () => {
  await told(zoneType, zone, 'Answered');
  for (const [name, reason] of [
    ['acme.example', 'HostnameTaken'],
    ['sub.acme.example', 'HostnameBelowAnother'],
    ['co.uk', 'PublicSuffix'],
  ] as const) {
    const theirs = aZone('other', name);
    await declare(client, zoneType, theirs);
    await told(zoneType, theirs, reason);
    await client.delete(zoneType, theirs.metadata);
  }
});

await t.test(
  'a secondary that has a catalog takes new zones by itself, with their changes, and drops those that go',
  async (t) => {
    const secondary = await startSecondary(t);
    const catalog = aZone('acme', 'catalog.acme.example', {
      catalog: true,
      dnssec: { enabled: false },
      transfer: { to: [secondary.address] },
    });
    const listed = aZone('acme', 'listed.acme.example', { transfer: { catalogRef: { name: catalog.metadata.name } } });
    await declare(client, zoneType, listed);
    await told(zoneType, listed, 'CatalogNotReady');
    await declare(client, zoneType, catalog);
    await told(zoneType, listed, 'Answered');
    await secondary.configure('create-secondary-zone', 'catalog.acme.example', `127.0.0.1:${instance.ports.dns}`);
    await secondary.configure('set-kind', 'catalog.acme.example', 'consumer');
    const late = aZone('acme', 'late.acme.example', { transfer: { catalogRef: { name: catalog.metadata.name } } });
    const record = aRecord('in-late', {
      zoneRef: { name: late.metadata.name },
      name: 'www',
      type: 'A',
      values: ['192.0.2.40'],
    });
    await declare(client, recordType, record);
    await declare(client, zoneType, late);
    const has = async (name: string, type: string): Promise<string> => (await secondary.dig(name, type)).join();
    await until(async () => (await has('www.late.acme.example', 'A')) === '192.0.2.40', 'the new zone');
    await until(async () => (await has('listed.acme.example', 'SOA')) !== '', 'the one that was there before');
    await declare(client, recordType, { ...record, spec: { ...(record['spec'] as Part), values: ['192.0.2.41'] } });
    await until(async () => (await has('www.late.acme.example', 'A')) === '192.0.2.41', 'its change');
    await client.delete(zoneType, late.metadata);
    await until(async () => (await has('late.acme.example', 'SOA')) === '', 'its end');
    t.not(await has('listed.acme.example', 'SOA'), '');
    for (const { metadata } of [listed, catalog]) await client.delete(zoneType, metadata);
  },
);

await t.test(
  'a catalog that is signed or in another is refused, a zone that says beside its catalog where it goes, and one of two providers',
  async (t) => {
    const catalogRef = { name: 'catalog' };
    const secretRef = { name: 'token' };
    for (const [spec, message] of [
      [{ catalog: true }, /a catalog is not signed/],
      [{ catalog: true, dnssec: { enabled: false }, transfer: { catalogRef } }, /a catalog is in no other/],
      [{ transfer: { catalogRef, to: ['192.0.2.53'] } }, /leave them away/],
      [{ transfer: { catalogRef, tsigSecretRef: { name: 'key' } } }, /leave them away/],
      [{ provider: {} }, /name one provider/],
      [{ provider: { cloudflare: { secretRef }, hetzner: { secretRef } } }, /name one provider/],
      [{ provider: { hetzner: { secretRef } }, transfer: { to: ['192.0.2.53'] } }, /affair of the provider/],
      [{ provider: { hetzner: { secretRef } }, nameservers: ['ns1.acme.example'] }, /affair of the provider/],
    ] as const)
      await t.rejects(declare(client, zoneType, aZone('acme', 'refused.acme.example', spec)), { message });
  },
);

await t.test('reverse zones of both kinds answer with names', async (t) => {
  for (const [name, host, target] of [
    ['2.0.192.in-addr.arpa', '10', 'www.acme.example'],
    ['8.b.d.0.1.0.0.2.ip6.arpa', '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0', 'mail.acme.example'],
  ] as const) {
    const reverse = aZone('acme', name, { nameservers: ['ns1.acme.example'] });
    const pointer = { zoneRef: { name: reverse.metadata.name }, name: host, type: 'PTR', values: [target] };
    const record = aRecord(`ptr-${host.length}`, pointer);
    await declare(client, zoneType, reverse);
    await declare(client, recordType, record);
    await told(zoneType, reverse, 'Answered');
    await told(recordType, record, 'Answered');
    t.same(await ask(`${host}.${name}`, 'PTR'), [`${target}.`]);
    t.same(await ask(name, 'NS'), ['ns1.acme.example.']);
  }
  t.same(await dig(instance.ports.dns, ['-x', '192.0.2.10']), ['www.acme.example.']);
  t.same(await dig(instance.ports.dns, ['-x', '2001:db8::7']), ['mail.acme.example.']);
});

await t.test('a second Zone of the same name waits for the first', async (t) => {
  const twin = { ...zone, metadata: { ...zone.metadata, name: 'twin' } };
  await declare(client, zoneType, twin);
  await told(zoneType, twin, 'ZoneTaken');
  await client.delete(zoneType, { namespace: 'acme', name: 'twin' });
  t.same(await ask('host.acme.example', 'A'), ['192.0.2.5']);
});

await t.test(
  'a name server that is killed comes back with all that it had, and takes what was declared meanwhile',
  async (t) => {
    const { pid } = (await instance.services()).get('pdns') ?? {};
    killProcess(pid);
    const late = aRecord('late', { name: 'late', type: 'AAAA', values: ['2001:db8::7'] });
    await declare(client, recordType, late);
    await until(async () => (await ask('late.acme.example', 'AAAA')).join() === '2001:db8::7', 'the record');
    await told(recordType, late, 'Answered');
    t.same(await ask('host.acme.example', 'A'), ['192.0.2.5']);
  },
);

await t.test(
  'while the name server cannot start zones say so, and what is declared meanwhile is answered after',
  async (t) => {
    const [configuration, away] = ['dns/conf/pdns.conf', 'dns/conf/away'].map((path) => join(instance.directory, path));
    await rename(String(configuration), String(away));
    const killed = (await instance.services()).get('pdns')?.pid;
    killProcess(killed);
    const late = aRecord('late', { name: 'late', type: 'A', values: ['192.0.2.40'] });
    await declare(client, recordType, late);
    const waiting = await told(zoneType, zone, 'ApplyFailed');
    t.match(conditionOf(waiting, 'Ready'), { status: 'False', message: /did not answer/ });
    await rename(String(away), String(configuration));
    // By then the server, and after it what is to be told to it, is tried anew after longer and longer waits.
    await until(async () => (await ask('late.acme.example', 'A')).join() === '192.0.2.40', 'the late one', 300_000);
    await told(recordType, late, 'Answered');
    t.same(await ask('host.acme.example', 'A'), ['192.0.2.5'], 'what was there is there');
    await told(zoneType, zone, 'Answered');
  },
);

await t.test(
  'what a package says is in every zone, counts with what is declared, and no more than it allows',
  async (t) => {
    const records = [
      { name: '@', type: 'MX', values: ['10 mail.hosting.example'] },
      { name: 'note', type: 'TXT', values: ['of $(ZONE)'] },
    ];
    await declareTenant(client, 'small', { limits: { domains: 5, zones: 1, dnsRecords: 3 }, dns: { records } });
    const one = aZone('small', 'small.example');
    await declare(client, zoneType, one);
    await told(zoneType, one, 'Answered');
    await until(async () => (await ask('note.small.example', 'TXT')).join() === '"of small.example"', 'its records');
    t.same(await ask('small.example', 'MX'), ['10 mail.hosting.example.']);
    await t.rejects(declare(client, zoneType, aZone('small', 'second.example')), { message: /exceeded quota/ });
    await declare(
      client,
      recordType,
      aRecord('mx', { name: '@', type: 'MX', values: ['5 mx.small.example'] }, 'small'),
    );
    await until(async () => (await ask('small.example', 'MX')).join() === '5 mx.small.example.', 'what was declared');
    const more = aRecord('more', { name: 'more', type: 'A', values: ['192.0.2.1'] }, 'small');
    await t.rejects(declare(client, recordType, more), { message: /exceeded quota/ });
  },
);

await t.test('a key is rolled by naming the next one beside it, and then that one alone', async (t) => {
  const withKeys = (keys: readonly number[]): KubeObject => ({
    ...zone,
    spec: { name: 'acme.example', dnssec: { keys } },
  });
  const keysOf = async (): Promise<readonly string[]> => (await ask('acme.example', 'DNSKEY', '+tcp')).toSorted();
  const [first = ''] = await keysOf();
  await declare(client, zoneType, withKeys([1, 2]));
  const both = await until(async () => ((await keysOf()).length === 2 ? await keysOf() : undefined), 'both keys');
  t.ok(both.includes(first));
  const { status } = await told<Zone>(zoneType, zone, 'Answered');
  t.same(status?.dnssec?.keys?.map(({ dnskey }) => spaced(dnskey)).toSorted(), both);
  await declare(client, zoneType, withKeys([2]));
  await until(async () => (await keysOf()).join() === both.filter((key) => key !== first).join(), 'the second alone');
  await declare(client, zoneType, withKeys([1]));
  await until(async () => (await keysOf()).join() === first, 'the first, which was kept');
});

await t.test('DNSSEC is not turned off while the zone above has a DS, and the zone says what to do', async (t) => {
  const signed = aZone('acme', 'signed.acme.example');
  const record = (values: readonly string[]) =>
    aRecord('in-signed', { zoneRef: { name: signed.metadata.name }, name: 'www', type: 'A', values });
  await declare(client, zoneType, signed);
  await declare(client, recordType, record(['192.0.2.30']));
  const [key] = (await told<Zone>(zoneType, signed, 'Answered')).status?.dnssec?.keys ?? [];
  const ds = aRecord('ds-above', { name: 'signed', type: 'DS', ttl: '20s', values: [key?.ds ?? ''] });
  const ns = aRecord('ns-above', { name: 'signed', type: 'NS', values: ['ns1.signed.acme.example'] });
  for (const above of [ds, ns]) await declare(client, recordType, above);
  await told(recordType, ds, 'Answered');
  const unsigned = { ...signed, spec: { ...(signed['spec'] as Part), dnssec: { enabled: false } } };
  await declare(client, zoneType, unsigned);
  const refused = await told<Zone>(zoneType, unsigned, 'ParentHasDs');
  t.match(conditionOf(refused, 'Ready')?.['message'], /take it away at the registrar/);
  const keys = async (): Promise<number> => (await ask('signed.acme.example', 'DNSKEY', '+tcp')).length;
  t.equal(await keys(), 1);
  await declare(client, recordType, record(['192.0.2.31']));
  await until(async () => (await ask('www.signed.acme.example', 'A')).join() === '192.0.2.31', 'a change meanwhile');
  const thereMs = Date.now();
  await client.delete(recordType, { namespace: 'acme', name: 'ds-above' });
  await until(async () => (await ask('signed.acme.example', 'DS')).length === 0, 'the DS to go');
  const annotations = { [ANNOTATIONS.requestedAt]: 'once the DS is gone' };
  await declare(client, zoneType, { ...unsigned, metadata: { ...unsigned.metadata, annotations } });
  const remembered = await told<Zone>(zoneType, unsigned, 'DsRemembered');
  const [, end = ''] = / until ([-0-9T:]+Z)/.exec(String(conditionOf(remembered, 'Ready')?.['message'])) ?? [];
  t.ok(Date.parse(end) >= thereMs + 20_000, end);
  await until(async () => (await keys()) === 0, 'its end', 300_000);
  t.ok(Date.now() >= Date.parse(end), 'it signs for as long as others may remember the DS');
  await told(zoneType, unsigned, 'Answered');
});

await t.test('a Domain points its names at its host, in a Zone of its registrable name that stays', async (t) => {
  const host = { apiVersion, kind: 'Host', metadata: { name: 'local' } };
  await declare(client, hostType, { ...host, spec: { addresses: [{ type: 'Public', address: '192.0.2.10' }] } });
  const site = aDomain('other', 'shop', { hostname: 'shop.other.example', www: 'Serve' });
  await declare(client, domainType, site);
  await until(async () => (await ask('www.shop.other.example', 'A')).join() === '192.0.2.10', 'its names');
  t.same(await ask('ns1.other.example', 'A'), ['192.0.2.10']);
  const check = async (word: string) =>
    await instance.wcpctl(['dns', 'check', word, '-n', 'other', '--server', `127.0.0.1:${instance.ports.dns}`]);
  const right = await check('shop');
  t.match(right, { exitCode: 0, stdout: /Addresses +Right +www.shop.other.example points to 192.0.2.10/ });
  const kubeconfig = join(instance.directory, 'owner.kubeconfig');
  await writeFile(kubeconfig, (await instance.wcpctl(['tenant', 'kubeconfig', 'other'])).stdout);
  const server = ['--server', `127.0.0.1:${instance.ports.dns}`];
  for (const words of [
    ['check', 'shop'],
    ['records', 'other.example'],
    ['export', 'other.example'],
  ]) {
    const { exitCode, stdout, stderr } = await instance.wcpctl(['dns', ...words, ...server], { kubeconfig });
    t.equal(exitCode, 0, `the owner may: ${stdout}${stderr}`);
    t.match(stdout, '192.0.2.10');
  }
  await declare(client, hostType, { ...host, spec: { addresses: [{ type: 'Public', address: '192.0.2.11' }] } });
  await until(async () => (await ask('shop.other.example', 'A')).join() === '192.0.2.11', 'the new address');
  const mine = aRecord(
    'mine',
    { zoneRef: { name: 'other.example' }, name: 'shop', type: 'A', values: ['192.0.2.99'] },
    'other',
  );
  await declare(client, recordType, mine);
  await until(async () => (await ask('shop.other.example', 'A')).join() === '192.0.2.99', 'what was declared');
  t.match(await check('shop.other.example'), {
    exitCode: 1,
    stdout: /Wrong +shop.other.example points to 192.0.2.99[^]*To do:\n- .* has to point it to 192.0.2.11/,
  });
  const { namespace, name } = site.metadata;
  await client.delete(domainType, { namespace, name });
  await until(async () => (await ask('www.shop.other.example', 'A')).length === 0, 'its names to go');
  t.same(await ask('shop.other.example', 'A'), ['192.0.2.99']);
  t.equal((await ask('other.example', 'SOA')).length, 1);
  await declare(client, hostType, { ...host, spec: { addresses: [] } });
});

for (const provider of providers) {
  await t.test(`a Zone at ${provider.id} is answered there, and leaves what others made`, async (t) => {
    const name = `${provider.id.toLowerCase()}.example`;
    provider.setZone(`${name}.`);
    provider.byHand(`mail.${name}.`, 'A', ['192.0.2.50']);
    const secretRef = { name: `${provider.id.toLowerCase()}-token` };
    const there = aZone('other', name, { provider: { [provider.id]: { secretRef } } });
    const inside = (object: string, spec: Part): KubeObject =>
      aRecord(`${provider.id.toLowerCase()}-${object}`, { zoneRef: { name: there.metadata.name }, ...spec }, 'other');
    const [www, proof, mail, tlsa] = [
      inside('www', { name: 'www', type: 'A', values: ['192.0.2.1'] }),
      inside('proof', { name: '_acme-challenge', type: 'TXT', values: ['of a CA'] }),
      inside('mail', { name: 'mail', type: 'A', values: ['192.0.2.60'] }),
      inside('naptr', { name: 'x', type: 'ALIAS', values: ['www.elsewhere.example'] }),
    ];
    for (const record of [www, proof, mail, tlsa]) await declare(client, recordType, record);
    await declare(client, zoneType, there);
    await told(zoneType, there, 'SecretNotFound');
    const metadata = { namespace: 'other', name: secretRef.name };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { ...provider.secret } };
    await declare(client, secretType, { ...secret, stringData: wrong(provider.secret) });
    const refused = await told<Zone>(zoneType, there, 'TokenRefused');
    t.match(conditionOf(refused, 'Ready')?.['message'], new RegExp(`Secret ${secretRef.name}`));
    await declare(client, secretType, secret);
    const live = await told<Zone>(zoneType, there, 'Answered');
    t.same(live.status?.nameservers, provider.nameservers);
    t.type(conditionOf(live, 'Signed')?.['message'], 'string');
    for (const record of [www, proof]) await told(recordType, record, 'Answered');
    await told(recordType, mail, 'RecordForeign');
    await told(recordType, tlsa, 'TypeUnsupported');
    t.same(provider.answered(`mail.${name}.`, 'A'), ['192.0.2.50']);
    const challenge = {
      apiVersion,
      kind: 'Challenge',
      metadata: { name: `${secretRef.name}-challenge`, namespace: 'other' },
      spec: { type: 'DNS-01', dnsName: name, token: 'a', key: 'what-a-CA-wants-to-see', certificateRef: { name: 'c' } },
    };
    await declare(client, challengeType, challenge);
    await told(challengeType, challenge, 'Presented');
    t.same(provider.answered(`_acme-challenge.${name}.`, 'TXT'), ['"of a CA"', '"what-a-CA-wants-to-see"']);
    await client.delete(challengeType, challenge.metadata);
    await until(() => provider.answered(`_acme-challenge.${name}.`, 'TXT').length === 1, 'it to go with its order');
    await declare(client, recordType, { ...www, spec: { ...(www['spec'] as Part), values: ['192.0.2.2'] } });
    await until(() => provider.answered(`www.${name}.`, 'A').join() === '192.0.2.2', 'the change');
    await told(recordType, www, 'Answered');
    const { stdout, stderr } = await instance.wcpctl([
      'dns',
      'records',
      name,
      '-n',
      'other',
      '--server',
      providerServer,
    ]);
    t.match(
      stdout.replaceAll(/ +/g, ' '),
      `www.${name}. A 60 DNSRecord ${www.metadata.name} Answered 192.0.2.2`,
      stderr,
    );
    t.match(stdout.replaceAll(/ +/g, ' '), `DNSRecord ${mail.metadata.name} RecordForeign 192.0.2.60`);
    const text = JSON.stringify(await client.list(zoneType, { namespace: 'other' }));
    for (const value of Object.values(provider.secret)) t.notOk(text.includes(value), 'no token is told');
    const moved = { ...there, spec: { name } };
    await t.rejects(declare(client, zoneType, moved), { message: /where a Zone is answered does not change/ });
    await client.delete(zoneType, there.metadata);
    await until(async () => (await client.get(zoneType, there.metadata)) === undefined, 'its end');
    t.same(provider.keys(), [`mail.${name}. A`], 'what was there before stays');
  });
}

await t.test(
  'a Zone whose provider does not let us in any more goes without its records, once its Secret is gone',
  async (t) => {
    const name = 'left.example';
    cloudflare.setZone(`${name}.`);
    const metadata = { namespace: 'other', name: 'left-token' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { ...cloudflare.secret } };
    const there = aZone('other', name, { provider: { cloudflare: { secretRef: { name: metadata.name } } } });
    const www = aRecord(
      'left-www',
      { zoneRef: { name: there.metadata.name }, name: 'www', type: 'A', values: ['192.0.2.1'] },
      'other',
    );
    for (const [type, object] of [
      [secretType, secret],
      [recordType, www],
      [zoneType, there],
    ] as const)
      await declare(client, type, object);
    await told(recordType, www, 'Answered');
    await declare(client, secretType, { ...secret, stringData: wrong(cloudflare.secret) });
    await client.delete(zoneType, there.metadata);
    const stuck = await told<Zone>(zoneType, there, 'TokenRefused');
    t.match(conditionOf(stuck, 'Ready')?.['message'], /To leave them there delete Secret left-token[.]$/);
    await client.delete(secretType, metadata);
    await until(async () => (await client.get(zoneType, there.metadata)) === undefined, 'its end');
    t.same(cloudflare.keys(), [`www.${name}. A`]);
  },
);

/** The same keys with values that nobody accepts. */
function wrong(secret: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(secret).map((key) => [key, 'nobody-s']));
}

await t.test(
  'a Zone that goes takes its answers along and leaves its key, which the same Zone takes back',
  async (t) => {
    const before = (await told<Zone>(zoneType, zone, 'Answered')).status?.dnssec?.keys;
    await client.delete(zoneType, { namespace: 'acme', name: 'acme-example' });
    await until(
      async () => (await client.get(zoneType, { namespace: 'acme', name: 'acme-example' })) === undefined,
      'it',
    );
    t.same(await ask('acme.example', 'SOA'), []);
    t.ok(await client.get(secretType, { namespace: 'acme', name: 'acme-example-dnssec-1' }));
    await told(recordType, aRecord('first', {}), 'ZoneNotFound');
    await declare(client, zoneType, { ...zone, spec: { ...(zone['spec'] as Part), deletionPolicy: 'Delete' } });
    const again = await told<Zone>(zoneType, zone, 'Answered');
    t.same(again.status?.dnssec?.keys, before);
    await told<DNSRecord>(recordType, aRecord('first', {}), 'Answered');
    await client.delete(zoneType, { namespace: 'acme', name: 'acme-example' });
    await until(
      async () => (await client.get(secretType, { namespace: 'acme', name: 'acme-example-dnssec-1' })) === undefined,
      'the key to go',
    );
  },
);
