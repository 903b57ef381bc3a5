import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { createDnsProvidersDriver, takesRecord } from '#runtime/drivers/dns-providers/index.ts';
import type { ProviderState } from '#runtime/drivers/dns-providers/model.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { RecordSets } from '#schemas/meta/record-set.ts';
import { isWrite, recordsContract, tableOf, type Declared, type RecordService } from '#test/contracts/records.ts';
import { startCloudflare } from '#test/lab/dns-providers/cloudflare.ts';
import { startDigitalOcean } from '#test/lab/dns-providers/digital-ocean.ts';
import { startHetzner } from '#test/lab/dns-providers/hetzner.ts';
import { startRoute53 } from '#test/lab/dns-providers/route53.ts';
import type { LabProvider } from '#test/lab/dns-providers/lab-provider.ts';

const owner: Owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
const zone = 'acme.example.';
const { signal } = new AbortController();
const table = (declared: Declared) => tableOf(declared, zone);
const www = `www.${zone}`;

/** Why it was not done. */
async function refusal(reaching: Promise<unknown>): Promise<{ readonly reason: string; readonly message: string }> {
  try {
    await reaching;
  } catch (err) {
    if (err instanceof PostponedError || err instanceof RefusedError) return err;
    throw err;
  }
  throw new Error('it was done');
}

/** Waits are over at once, and count. */
function aClock(): Clock & { readonly waitedMs: () => number } {
  let waitedMs = 0;
  return {
    now: () => systemClock.now() + waitedMs,
    sleep: async (ms, signal) => {
      await setImmediate(undefined, { signal });
      waitedMs += ms;
    },
    waitedMs: () => waitedMs,
  };
}

/** A driver that has just started, before a provider; what is noted outlives it. */
function aGround(provider: LabProvider) {
  const secrets = new Map([['token', provider.secret]]);
  let noted: readonly string[] = [];
  const clock = aClock();
  const start = () =>
    createDnsProvidersDriver<object>({
      clock,
      endpoints: { [provider.id]: provider.url },
      secrets: () => ({ read: (_namespace, name) => Promise.resolve(secrets.get(name)) }),
      notes: {
        read: () => Promise.resolve(noted),
        write: (_world, _owner, keys) => Promise.resolve(void (noted = keys)),
      },
    });
  let driver = start();
  let version = 1;
  const stateOf = (records: RecordSets): ProviderState => ({
    zone,
    access: { provider: provider.id, secret: { namespace: 'acme', name: 'token', resourceVersion: String(version) } },
    records,
  });
  const observed = async () => driver.of(owner, await driver.observe({}, signal));
  const planned = async (records: RecordSets) =>
    driver.plan(owner, driver.normalize(stateOf(records)), await observed());
  const reach = async (records: RecordSets): Promise<readonly Action[]> => {
    const done: Action[] = [];
    for (let round = 0; round < 5; round += 1) {
      const actions = await planned(records);
      if (actions.length === 0) break;
      for (const action of actions) await driver.apply(action, {}, signal);
      done.push(...actions);
    }
    return done;
  };
  return {
    planned,
    reach,
    observed,
    clock,
    notes: () => noted,
    loseNotes: () => void (noted = []),
    /** Looks for what others have changed, until it tells of some. */
    drifted: async () => {
      const stop = new AbortController();
      await new Promise<void>((resolve) => {
        void driver.watchDrift?.({}, () => resolve(), stop.signal).catch(() => undefined);
      });
      stop.abort();
    },
    setSecret: (values: Readonly<Record<string, string>>) => {
      secrets.set('token', values);
      version += 1;
    },
    restart: () => void (driver = start()),
  };
}

function aService(provider: LabProvider, mostWrites: RecordService['mostWrites']): RecordService {
  const { reach, planned, restart } = aGround(provider);
  return {
    zone,
    takes: (type, isApex) => takesRecord(provider.id, type, isApex),
    reach,
    planned,
    restart,
    clear: async () => void (await reach(new Map())),
    answered: (name, type) => Promise.resolve(provider.answered(name, type)),
    writes: () => provider.asked.filter((each) => !each.startsWith('GET ')).length,
    failAfter: provider.failAfter,
    mostWrites,
  };
}

const providers: readonly {
  readonly name: string;
  readonly start: (t: Test) => Promise<LabProvider>;
  readonly mostWrites: RecordService['mostWrites'];
}[] = [
  { name: 'Cloudflare', start: startCloudflare, mostWrites: (sets) => Math.ceil(sets / 200) },
  { name: 'DigitalOcean', start: startDigitalOcean, mostWrites: (sets) => sets },
  { name: 'Hetzner', start: startHetzner, mostWrites: (sets) => sets },
  { name: 'Route 53', start: startRoute53, mostWrites: (sets) => Math.ceil(sets / 500) },
];

for (const { name, start, mostWrites } of providers) {
  await t.test(`${name} keeps the laws of records`, async (t) => {
    const provider = await start(t);
    await recordsContract(t, aService(provider, mostWrites));
    t.same(provider.keys(), [], 'no trace is left');
  });

  await t.test(`${name} is one whose records others write, too`, async (t) => {
    await othersContract(t, await start(t));
  });
}

/** A refusal in which the key is repeated, in the provider's own shape. */
function echo({ id }: LabProvider, value: string): { readonly status: number; readonly body: string } {
  const message = `should have been signed: ${value}`;
  const bodies = {
    cloudflare: JSON.stringify({ success: false, errors: [{ code: 10_000, message }] }),
    digitalOcean: JSON.stringify({ id: 'unauthorized', message }),
    hetzner: JSON.stringify({ error: { code: 'unauthorized', message } }),
    route53: `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
  return { status: 403, body: bodies[id] };
}

/** What holds where people, and other programs, have records in the same zone. */
async function othersContract(t: Test, provider: LabProvider): Promise<void> {
  const ground = aGround(provider);
  const { reach, planned } = ground;
  const clear = async (): Promise<void> => {
    provider.setZone(zone);
    ground.loseNotes();
    ground.restart();
    await reach(table({}));
  };

  await t.test(
    'what others made is neither changed nor deleted, and stands in the way until they take it away',
    async (t) => {
      await clear();
      provider.byHand(www, 'A', ['192.0.2.66']);
      provider.byHand(`hand.${zone}`, 'TXT', ['"mine"']);
      const wanted = table({ 'www A': ['192.0.2.1'], 'other A': ['192.0.2.2'] });
      ground.restart();
      await reach(wanted);
      t.same(provider.answered(www, 'A'), ['192.0.2.66']);
      t.same(provider.answered(`other.${zone}`, 'A'), ['192.0.2.2'], 'the rest is written');
      t.same(await planned(wanted), [], 'and nothing is tried again');
      provider.byHand(www, 'A', []);
      ground.restart();
      await reach(wanted);
      t.same(provider.answered(www, 'A'), ['192.0.2.1']);
      await reach(table({}));
      t.same(provider.keys(), [`hand.${zone} TXT`]);
    },
  );

  await t.test('what others made and says the same is taken over without a write', async (t) => {
    await clear();
    provider.byHand(www, 'A', ['192.0.2.1']);
    ground.restart();
    const done = await reach(table({ 'www A': ['192.0.2.1'] }));
    t.same(done.filter(isWrite), []);
    t.same(ground.notes(), [`${www} A`]);
    ground.restart();
    await reach(table({}));
    t.same(provider.keys(), [], 'it goes with what declares it');
  });

  await t.test(
    'what is ours is noted before the provider hears of it, so that a crash between loses nothing',
    async (t) => {
      await clear();
      const wanted = table({ 'www A': ['192.0.2.1'] });
      provider.failAfter(0, 'before');
      await t.rejects(reach(wanted));
      t.same(ground.notes(), [`${www} A`]);
      t.same(provider.keys(), []);
      provider.failAfter(0, 'after');
      await reach(wanted).catch(() => undefined);
      provider.failAfter(Number.POSITIVE_INFINITY, 'after');
      ground.restart();
      await reach(table({}));
      t.same(provider.keys(), []);
      t.same(ground.notes(), []);
    },
  );

  await t.test('a set that somebody makes between look and write is not ours', async (t) => {
    await clear();
    await ground.clock.sleep(60_000);
    provider.byHand(www, 'A', ['192.0.2.66']);
    t.match(await refusal(reach(table({ 'www A': ['192.0.2.1'] }))), { reason: 'StaleLook' });
    await reach(table({ 'www A': ['192.0.2.1'] }));
    t.same(provider.answered(www, 'A'), ['192.0.2.66']);
    await reach(table({}));
    t.same(provider.answered(www, 'A'), ['192.0.2.66']);
  });

  await t.test(
    'a record of ours that somebody took away since the look comes back, whatever the provider says of the stale write',
    async (t) => {
      await clear();
      await reach(table({ 'www A': ['192.0.2.1'] }));
      provider.byHand(www, 'A', []);
      const wanted = table({ 'www A': ['192.0.2.2'] });
      await reach(wanted).catch((err: unknown) => t.match(err, { reason: 'StaleLook' }));
      await reach(wanted);
      t.same(provider.answered(www, 'A'), ['192.0.2.2']);
    },
  );

  await t.test('what somebody changed of ours is found by looking now and then, and put back', async (t) => {
    await clear();
    const wanted = table({ 'www A': ['192.0.2.1'] });
    await reach(wanted);
    provider.byHand(www, 'A', ['192.0.2.77']);
    t.same(await planned(wanted), [], 'nobody has looked');
    await ground.drifted();
    await reach(wanted);
    t.same(provider.answered(www, 'A'), ['192.0.2.1']);
  });

  await t.test('a full pass over what is known asks nothing', async (t) => {
    await clear();
    const wanted = table({ 'www A': ['192.0.2.1'], 'text TXT': ['x'] });
    await reach(wanted);
    const before = provider.asked.length;
    for (let pass = 0; pass < 3; pass += 1) t.same(await planned(wanted), []);
    t.equal(provider.asked.length, before);
  });

  await t.test('a provider that wants no more is left alone for as long as it says, whoever comes', async (t) => {
    await clear();
    provider.failAfter(0, provider.limit(60, ground.clock.now()));
    const wanted = table({ 'www A': ['192.0.2.1'] });
    t.match(await refusal(reach(wanted)), { reason: 'RateLimited', message: /no more requests before 20\d\d-/ });
    const before = provider.asked.length;
    for (let tries = 0; tries < 3; tries += 1) await refusal(reach(wanted));
    t.equal(provider.asked.length, before, 'it is not asked');
    await ground.clock.sleep(62_000);
    await reach(wanted);
    t.same(provider.answered(www, 'A'), ['192.0.2.1']);
  });

  await t.test(
    'a key that is not accepted is told by its Secret and never by itself; another one is tried',
    async (t) => {
      await clear();
      const foreign = Object.fromEntries(Object.keys(provider.secret).map((key) => [key, 'stolen-and-revoked']));
      ground.setSecret(foreign);
      const said = await refusal(reach(table({})));
      t.match(said, { reason: 'TokenRefused', message: /Secret token/ });
      t.notMatch(JSON.stringify([said, said.message]), /stolen/);
      const [value = ''] = Object.values(provider.secret).toReversed();
      ground.setSecret(provider.secret);
      provider.failAfter(0, echo(provider, value));
      const echoed = await refusal(reach(table({})));
      t.match(echoed, { reason: 'TokenRefused', message: /[(]secret[)]/ });
      t.notOk(echoed.message.includes(value), 'words that repeat the key are told without it');
      ground.setSecret({ ...foreign, [Object.keys(foreign)[0] ?? '']: 'two\nlines' });
      t.match(await refusal(reach(table({}))), { reason: 'SecretNotFound', message: /Secret token has no usable/ });
      ground.setSecret(provider.secret);
      const done = await reach(table({ 'www A': ['192.0.2.1'] }));
      for (const value of Object.values(provider.secret))
        t.notOk(JSON.stringify(done).includes(value), 'no plan has it');
    },
  );

  await t.test('a zone that is not there is not made', async (t) => {
    await clear();
    provider.setZone(undefined);
    ground.restart();
    const writes = provider.asked.filter((each) => !each.startsWith('GET ')).length;
    t.match(await refusal(reach(table({ 'www A': ['192.0.2.1'] }))), {
      reason: 'ZoneNotFound',
      message: /acme[.]example/,
    });
    t.equal(provider.asked.filter((each) => !each.startsWith('GET ')).length, writes);
  });

  await t.test('nonsense in place of an answer changes nothing, and is over when it is', async (t) => {
    await clear();
    const wanted = table({ 'www A': ['192.0.2.1'] });
    await reach(wanted);
    for (const [status, body] of [
      [200, '<html>'],
      [200, '[]'],
      [200, ''],
      [502, '<html><body>Bad gateway'],
      [302, ''],
    ] as const) {
      ground.restart();
      provider.failAfter(0, { status, body });
      await t.rejects(reach(wanted), `${status} ${body}`);
      t.same(provider.answered(www, 'A'), ['192.0.2.1']);
      await reach(wanted);
    }
  });

  await t.test('a time to live that it does not take is brought as near as it does, once', async (t) => {
    await clear();
    for (const ttlSeconds of [1, 2_147_483_647]) {
      const wanted = tableOf({ 'www A': ['192.0.2.1'] }, zone, ttlSeconds);
      await reach(wanted);
      ground.restart();
      t.same((await reach(wanted)).filter(isWrite), []);
    }
  });

  await t.test('a record that it refuses is told in its words, and is not tried again for nothing', async (t) => {
    await clear();
    const bad = new Map([[`${www} A`, { ttlSeconds: 300, contents: ['not an address'] }]]);
    t.match(await refusal(reach(bad)), { reason: 'RecordRefused', message: /refuses: / });
  });
}

/** Requests in the very shape that providers document; each stand-in reads by code of its own besides. */
await t.test('requests are in the shape that each provider documents', async (t) => {
  const declared = {
    '@ MX': ['10 mail.acme.example'],
    '*.any A': ['192.0.2.1'],
    'k TXT': ['ü "<&'],
    'c CAA': ['0 issue "letsencrypt.org"'],
    's SRV': ['1 2 443 www.acme.example'],
  };
  const bodyOf = async (start: (t: Test) => Promise<LabProvider>): Promise<readonly string[]> => {
    const provider = await start(t);
    await aGround(provider).reach(table(declared));
    return provider.bodies.filter((body) => body !== '');
  };
  const [cloudflare = ''] = await bodyOf(startCloudflare);
  t.same(JSON.parse(cloudflare), {
    deletes: [],
    puts: [],
    posts: [
      { name: 'acme.example', type: 'MX', ttl: 300, priority: 10, content: 'mail.acme.example' },
      { name: '*.any.acme.example', type: 'A', ttl: 300, content: '192.0.2.1', proxied: false },
      { name: 'k.acme.example', type: 'TXT', ttl: 300, content: '"\\195\\188 \\"<&"' },
      { name: 'c.acme.example', type: 'CAA', ttl: 300, data: { flags: 0, tag: 'issue', value: 'letsencrypt.org' } },
      {
        name: 's.acme.example',
        type: 'SRV',
        ttl: 300,
        data: { priority: 1, weight: 2, port: 443, target: 'www.acme.example' },
      },
    ],
  });
  t.same(
    (await bodyOf(startDigitalOcean)).map((body) => JSON.parse(body) as unknown),
    [
      { type: 'MX', name: '@', ttl: 300, priority: 10, data: 'mail.acme.example.' },
      { type: 'A', name: '*.any', ttl: 300, data: '192.0.2.1' },
      { type: 'TXT', name: 'k', ttl: 300, data: 'ü "<&' },
      { type: 'CAA', name: 'c', ttl: 300, flags: 0, tag: 'issue', data: 'letsencrypt.org.' },
      { type: 'SRV', name: 's', ttl: 300, priority: 1, weight: 2, port: 443, data: 'www.acme.example.' },
    ],
  );
  t.same(
    (await bodyOf(startHetzner)).map((body) => JSON.parse(body) as unknown),
    [
      { name: '@', type: 'MX', ttl: 300, records: [{ value: '10 mail.acme.example.' }] },
      { name: '*.any', type: 'A', ttl: 300, records: [{ value: '192.0.2.1' }] },
      { name: 'k', type: 'TXT', ttl: 300, records: [{ value: '"\\195\\188 \\"<&"' }] },
      { name: 'c', type: 'CAA', ttl: 300, records: [{ value: '0 issue "letsencrypt.org"' }] },
      { name: 's', type: 'SRV', ttl: 300, records: [{ value: '1 2 443 www.acme.example.' }] },
    ],
  );
  const [route53 = ''] = await bodyOf(startRoute53);
  t.match(
    route53,
    /^<[?]xml version="1.0" encoding="UTF-8"[?]>\n<ChangeResourceRecordSetsRequest xmlns="https:\/\/route53.amazonaws.com\/doc\/2013-04-01\/"><ChangeBatch><Changes><Change><Action>CREATE<\/Action><ResourceRecordSet><Name>acme.example.<\/Name><Type>MX<\/Type><TTL>300<\/TTL><ResourceRecords><ResourceRecord><Value>10 mail.acme.example.<\/Value>/,
  );
  t.match(route53, String.raw`<Value>"\303\274 \"&lt;&amp;"</Value>`);
});
