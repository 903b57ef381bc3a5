import t, { type Test } from 'tap';
import { certificateKind, challengeKind, domainKind, hostKind } from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { AcmeProblem, required } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { askDns } from '#runtime/dns/ask.ts';
import { createAskEachServer } from '#runtime/dns/ask-each-server.ts';
import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import { factsOf } from '#runtime/pki/server-certificate.ts';
import { createChallengeClusterController } from '#controllers/challenge/cluster.ts';
import { createClusterParts } from '#controllers/cluster-parts.ts';
import type { ClusterWorld } from '#controllers/parts.ts';
import { namesInVain } from '#controllers/certificate/pre-checks.ts';
import { anObject } from '#test/builders/objects.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { reach } from '#test/contracts/driver.ts';
import { createOrderPace, type PaceQuestion } from '#controllers/certificate/pace.ts';
import { createOrderRefusals } from '#controllers/certificate/refusals.ts';
import { openCertificateLab } from '#test/lab/certificates.ts';
import { freePort } from '#test/lab/free-port.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { startRenewalInfo } from '#test/lab/renewal-info.ts';
import { createSimulatedApi } from '#test/lab/simulated/api.ts';
import { openSimulatedLeader, startMs } from '#test/lab/simulated/leader.ts';
import { liveThrough } from '#test/lab/simulated/year.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';
import { aCache } from '#test/builders/cache.ts';
import { controllers } from '#test/builders/controllers.ts';

// Certificates and Challenges with a real API server and a real CA; the web front is that of a model machine.

interface Renewed {
  readonly serialNumber?: string;
  readonly renewalTime?: string;
}

interface Handled {
  readonly lastHandledRequestAt?: string;
}

interface Failed {
  readonly failedIssuanceAttempts?: number;
  readonly issuance?: { readonly orderURL?: string };
}

void t.test(
  'failures are counted until it goes well, however far each attempt came, and each has one order',
  async (test) => {
    const lab = await openCertificateLab(test, { httpPort: await freePort() });
    await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example', www: 'Redirect' }, 'acme');
    const orders = new Set<string>();
    const failed = async (attempts: number): Promise<boolean> => {
      const certificate = await lab.get(certificateKind, 'shop', 'acme');
      const { failedIssuanceAttempts, issuance } = (certificate?.['status'] ?? {}) as Failed;
      if (issuance?.orderURL !== undefined) orders.add(issuance.orderURL);
      return failedIssuanceAttempts === attempts;
    };
    await eventually(async () => await failed(1), 'the first failure');
    const certificate = await lab.get(certificateKind, 'shop', 'acme');
    test.match(certificate?.['status'], { failedNames: [{ dnsName: /shop.acme.example$/ }] });
    const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: 'now' } } };
    await lab.client.patch(
      resourceTypeOf(certificateKind),
      { namespace: 'acme', name: 'shop' },
      { type: 'merge', body },
    );
    await eventually(async () => await failed(2), 'the second failure');
    test.ok(orders.size <= 2, `${orders.size} orders`);
  },
);

void t.test('a Domain has a certificate from its issuer without another word', async (test) => {
  const lab = await openCertificateLab(test);
  await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example', www: 'Redirect' }, 'acme');
  const certificate = await lab.settled(certificateKind, 'shop', 'Issued');
  const served = await lab.served('shop-tls');
  test.equal(served.subjectAltName, 'DNS:shop.acme.example, DNS:www.shop.acme.example');
  const { serialNumber } = certificate['status'] as { readonly serialNumber: string };
  test.equal(served.serialNumber, serialNumber, 'the status tells of the certificate in the Secret');
  await eventually(
    async () => (await lab.client.list(resourceTypeOf(challengeKind), {})).items.length === 0,
    'the Challenges to be gone',
  );
});

void t.test(
  'a certificate is renewed when its CA suggests it, and the order names the one that it replaces',
  async (test) => {
    const lab = await openCertificateLab(test);
    const [now, later, last] = [0, 20, 21].map((days) => new Date(Date.now() + days * 24 * 3_600_000).toISOString());
    const windows = [
      { start: new Date(Date.now() - 3_600_000).toISOString(), end: now ?? '' },
      { start: later ?? '', end: last ?? '' },
      null,
    ];
    const options = { windows, refusals: 0 };
    const info = await startRenewalInfo(test, lab.pebble, options);
    const caBundle = Buffer.from(info.ca).toString('base64');
    await lab.issuer('pebble', {
      server: info.directory,
      caBundle,
      privateKeySecretRef: { name: 'suggesting-account' },
    });
    const told = async (): Promise<Renewed> =>
      ((await lab.get(certificateKind, 'shop', 'acme'))?.['status'] ?? {}) as Renewed;
    await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example' }, 'acme');
    const isLate = async (): Promise<boolean> => ((await told()).renewalTime ?? '') > (later ?? '');
    await eventually(isLate, 'the first one to be replaced, and the second to stay');
    const ids = async (): Promise<string | undefined> => factsOf((await lab.served('shop-tls')).toString())?.renewalId;
    const second = await ids();
    test.ok(((await told()).renewalTime ?? '') < (last ?? ''), 'within the window');
    test.same([...new Set(info.asked)], [info.replaced[1], second], 'the order names what the CA was asked about');
    test.same(info.replaced[0], '', 'the first one replaces none');
    options.refusals = 1;
    const { serialNumber } = await told();
    const body = { metadata: { annotations: { [ANNOTATIONS.renew]: 'now' } } };
    await lab.client.patch(
      resourceTypeOf(certificateKind),
      { namespace: 'acme', name: 'shop' },
      { type: 'merge', body },
    );
    await eventually(
      async () => (await told()).serialNumber !== serialNumber,
      'the third, of which the CA says nonsense',
    );
    test.ok(((await told()).renewalTime ?? '') > (last ?? ''), 'it is renewed at the usual time');
    test.same(info.replaced.slice(2), [second, ''], 'what has a successor already is replaced without a word');
  },
);

void t.test(
  'a leader whose clock is wrong by a day gets a certificate, and no second one once it is right',
  async (test) => {
    for (const days of [-1, 1]) {
      let wrongMs = days * 24 * 3_600_000;
      const lab = await openCertificateLab(test, { clock: { ...systemClock, now: () => Date.now() + wrongMs } });
      await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example' }, 'acme');
      await lab.settled(certificateKind, 'shop', 'Issued');
      const before = await lab.served('shop-tls');
      wrongMs = 0;
      await lab.restartLeader();
      const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: 'now' } } };
      const key = { namespace: 'acme', name: 'shop' };
      await lab.client.patch(resourceTypeOf(certificateKind), key, { type: 'merge', body });
      const isHandled = async (): Promise<boolean> => {
        const { status } = (await lab.get(certificateKind, 'shop', 'acme')) as { readonly status?: Handled };
        return status?.lastHandledRequestAt === 'now';
      };
      await eventually(isHandled, 'a look by the right time');
      test.equal((await lab.served('shop-tls')).serialNumber, before.serialNumber, `${days} days`);
      await lab.settled(certificateKind, 'shop', 'Issued');
    }
  },
);

/** A name server with a zone acme.example of these records. */
async function openZone(test: Test, records: Readonly<Record<string, readonly string[]>>) {
  const server = await openNameServer(test);
  const declare = async (declared: typeof records): Promise<void> => {
    const owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
    await reach(powerdnsDriver, server.world, owner, aZoneTable('acme.example.', declared));
  };
  await declare(records);
  const { port } = server.settings;
  return { address: `127.0.0.1:${port}`, port, declare };
}

void t.test('a CA is asked for a name only once that leads to the host', async (test) => {
  const zone = await openZone(test, { 'shop A': ['192.0.2.7'] });
  const lab = await openCertificateLab(test, { dnsResolver: zone.address });
  await lab.apply(hostKind, 'web1', { addresses: [{ type: 'Public', address: '127.0.0.1' }] });
  await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example' }, 'acme');
  const elsewhere = await lab.settled(certificateKind, 'shop', 'NameElsewhere');
  test.match(conditionOf(elsewhere, 'Ready'), {
    status: 'False',
    message: 'shop.acme.example leads to 192.0.2.7: point it to 127.0.0.1.',
  });
  const { issuance } = elsewhere['status'] as { readonly issuance?: Readonly<Record<string, unknown>> };
  test.equal(issuance?.['orderIntendedAt'], undefined, 'no order was begun');
  await zone.declare({ 'shop A': ['127.0.0.1'] });
  await lab.settled(certificateKind, 'shop', 'Issued');
});

void t.test(
  'whether a CA may issue for a name is what CAA records say, of the nearest name that has any',
  async (test) => {
    const zone = await openZone(test, {
      '@ CAA': ['0 issue "ca.example; accounturi=https://ca.example/1"', '0 issuewild ";"'],
      'shop CAA': ['0 issue "other.example"'],
      'free CAA': ['0 iodef "mailto:root@acme.example"'],
    });
    const asked = ['acme.example', '*.acme.example', 'a.b.acme.example', 'shop.acme.example', 'free.acme.example'];
    const checking = {
      resolver: createNameResolver(zone.address),
      solvers: [{ dns01: {} }],
      hostAddresses: [],
      caNames: ['ca.example'],
    };
    const inVain = await namesInVain([...asked, 'unknown.example'], checking);
    test.same(
      inVain.map(({ dnsName, reason }) => [dnsName, reason]),
      [
        ['*.acme.example', 'CaaForbids'],
        ['shop.acme.example', 'CaaForbids'],
      ],
      'what nobody can tell is for the CA to find out',
    );
    test.same(await namesInVain(asked, { ...checking, caNames: [] }), [], 'nor is a CA held up that tells no names');
  },
);

void t.test(
  'a CA is told of a record once each server that answers for the zone has it, or long after',
  async (test) => {
    const answer = 'what-a-CA-wants-to-see';
    const shown = { '_acme-challenge.shop TXT': [`"${answer}"`] };
    const [primary, late] = [await openZone(test, shown), await openZone(test, {})];
    const lame = await openNameServer(test);
    const ports = {
      '192.0.2.1': primary.port,
      '192.0.2.2': late.port,
      '192.0.2.3': lame.settings.port,
      '192.0.2.4': 9,
    };
    const addresses: Readonly<Record<string, readonly string[]>> = {
      'ns1.acme.example': ['192.0.2.1'],
      'ns2.acme.example': ['192.0.2.1', '192.0.2.2'],
      'lame.acme.example': ['192.0.2.3'],
      'silent.acme.example': ['192.0.2.4'],
    };
    const askEachServer = createAskEachServer(
      { addresses: async (name) => await Promise.resolve(addresses[name]) },
      undefined,
      async ({ address }, question, signal) =>
        await askDns({ address: '127.0.0.1', port: ports[address as keyof typeof ports] }, question, signal),
    );
    let now = Date.parse('2026-01-01T00:00:00Z');
    const parts = { ...createClusterParts(noTools), askEachServer, now: () => now };
    const { probe } = createChallengeClusterController(parts);
    const challenge = anObject(challengeKind, {
      metadata: { name: 'shop', namespace: 'acme' },
      spec: { type: 'DNS-01', dnsName: 'shop.acme.example', token: 'a', key: answer, certificateRef: { name: 'shop' } },
    });
    const ready = { status: 'True', message: 'x', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;
    const seen = async (nameservers: readonly string[]) => {
      const inputs = { place: {}, record: { zone: 'acme', name: '_acme-challenge.shop', nameservers, ready } };
      return await probe?.(challenge, inputs, {} as ClusterWorld, new AbortController().signal);
    };
    const others = ['lame.acme.example', 'silent.acme.example', 'unknown.acme.example'];
    test.match(await seen(['ns1.acme.example', ...others]), [{ ok: true }], 'of these a CA asks the next one');
    const all = ['ns1.acme.example', 'ns2.acme.example', ...others];
    const waiting = { ok: false, reason: 'NotSeen', message: /^ns2.acme.example did not .* at 2026-01-01T00:03:00Z/ };
    test.match(await seen(all), [waiting]);
    now += 179_999;
    test.match(await seen(all), [waiting]);
    await late.declare(shown);
    test.match(await seen(all), [{ ok: true, reason: 'Presented' }]);
    await late.declare({ '_acme-challenge.shop TXT': ['"another"'] });
    test.match(await seen(all), [waiting]);
    now += 1;
    test.match(await seen(all), [{ ok: true }]);
  },
);

void t.test(
  'no certificate ends before the next one is there, though orders fail and the CA is away for days',
  async (test) => {
    const year = await liveThrough({
      ...{ certificates: 24, ofOneDomain: 6, days: 130, failing: 0.05 },
      limits: { orders: { count: 10, period: '3h' }, ordersPerDomain: { count: 3, period: '168h' } },
      outages: [
        { fromDay: 60.5, untilDay: 61.5 },
        { fromDay: 121, untilDay: 122 },
      ],
    });
    const { counts, mostOrders } = year.ca;
    test.same(year.expired, []);
    test.ok(year.renewals > 1.5 * 24, `most were renewed twice: ${year.renewals}`);
    test.ok(counts.failed > 0, 'orders failed');
    test.ok(counts.unanswered > 0, 'the CA was away when it was asked');
    test.equal(mostOrders, 10, 'as many were ordered as it allows');
    test.equal(counts.limited, 0, 'and no more');
  },
);

const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;

/** A leader with Certificates for two names, and what becomes of them while one of the names is in another's hands. */
async function openTwoNames(options: {
  readonly lifetimeMs?: number;
  readonly isRefused?: () => boolean;
  readonly isElsewhere?: () => boolean;
}) {
  const [shop, gone] = ['shop.acme.example', 'gone.acme.example'];
  const leader = await openSimulatedLeader({
    ...options,
    refuses: (name) => name === gone && (options.isRefused ?? options.isElsewhere)?.() === true,
    isElsewhere: (name) => name === gone && options.isElsewhere?.() === true,
  });
  const declare = (name: string, reducedCoverage: 'Allow' | 'Refuse'): void =>
    leader.declare(name, [shop, gone], { reducedCoverage });
  const statusOf = (name: string) => leader.get(name)?.status ?? {};
  const said = (name: string, type: string) => conditionOf(leader.get(name), type)?.['reason'];
  const until = async (ms: number): Promise<void> => await leader.runner.runUntil(startMs + ms);
  return { ...leader, shop, gone, declare, statusOf, said, until };
}

void t.test('a name that leads elsewhere takes no certificate from the others', async (test) => {
  let isElsewhere = false;
  const { shop, gone, declare, statusOf, said, until, ca } = await openTwoNames({
    lifetimeMs: 6 * dayMs,
    isElsewhere: () => isElsewhere,
  });
  declare('part', 'Allow');
  declare('whole', 'Refuse');
  await until(3 * dayMs);
  isElsewhere = true;
  const first = statusOf('part').serialNumber;
  await until(5 * dayMs);
  for (const name of ['part', 'whole']) {
    test.equal(said(name, 'Issuing'), 'NameElsewhere', `${name} waits for the name`);
    test.match(statusOf(name).failedNames, [{ dnsName: gone, message: /has no address/ }]);
    test.equal(said(name, 'Ready'), 'Issued', `${name} is good for all names meanwhile`);
  }
  test.equal(statusOf('part').serialNumber, first, 'one for fewer names takes no place while it is good');
  test.equal(ca.counts.orders, 2, 'and the CA is not asked');
  await until(5.6 * dayMs);
  test.same(statusOf('part').dnsNames, [shop], 'near its end the name is left out');
  test.equal(said('part', 'Ready'), 'ReducedCoverage');
  test.match(statusOf('part').failedNames, [{ dnsName: gone }], 'by name');
  test.equal(said('whole', 'Issuing'), 'NamesRefused', 'or the CA is asked anyway');
  isElsewhere = false;
  await until(5.9 * dayMs);
  for (const name of ['part', 'whole']) {
    test.equal(said(name, 'Ready'), 'Issued', `${name} is for all names again`);
    test.same(statusOf(name).dnsNames?.toSorted(), [gone, shop]);
    test.notHas(statusOf(name), { failedNames: Array, nextTryAt: String });
  }
});

void t.test('names that are not in the DNS at first are waited for, then left out, and tried again', async (test) => {
  let isElsewhere = true;
  const { shop, gone, declare, statusOf, said, until } = await openTwoNames({ isElsewhere: () => isElsewhere });
  declare('part', 'Allow');
  declare('whole', 'Refuse');
  await until(4 * minuteMs);
  test.equal(said('part', 'Ready'), 'NameElsewhere');
  await until(6 * minuteMs);
  test.same(statusOf('part').dnsNames, [shop]);
  test.match(statusOf('part'), { failedIssuanceAttempts: 1, failedNames: [{ dnsName: gone }], nextTryAt: String });
  test.equal(said('whole', 'Ready'), 'NameElsewhere', 'only where that is allowed');
  isElsewhere = false;
  await until(30 * minuteMs);
  test.same(statusOf('part').dnsNames?.toSorted(), [gone, shop]);
  test.equal(said('part', 'Ready'), 'Issued');
});

void t.test('a CA that refuses a name once puts none for fewer names in place of a good one', async (test) => {
  let isRefused = false;
  const { api, gone, declare, statusOf, until } = await openTwoNames({ isRefused: () => isRefused });
  declare('part', 'Allow');
  await until(55 * dayMs);
  const { serialNumber } = statusOf('part');
  isRefused = true;
  const served: (readonly string[] | undefined)[] = [];
  api.subscribe(({ object }) => void (object.kind === 'Certificate' && served.push(statusOf('part').dnsNames)));
  await until(62 * dayMs);
  test.match(statusOf('part').failedNames, [{ dnsName: gone }]);
  test.equal(statusOf('part').serialNumber, serialNumber);
  isRefused = false;
  await until(64 * dayMs);
  test.not(statusOf('part').serialNumber, serialNumber, 'it is renewed once the CA has all names');
  test.ok(served.length > 0 && served.every((names) => names?.includes(gone)), 'and was for all of them all the time');
});

void t.test('whoever waits for a CA has a turn of their own, and asks no sooner', (test) => {
  const api = createSimulatedApi();
  const pace = createOrderPace((dnsName) => dnsName);
  for (const { kind, index } of pace.reads) api.addIndex(kind, index);
  const issuer = {
    ...{ kind: 'ClusterIssuer', name: 'ca', namespace: 'wcp360-system' },
    spec: { acme: { limits: { orders: { count: 3, period: '3h' } } } },
  };
  const ask = (n: number, minute: number) => {
    const owner = { kind: 'Certificate', namespace: 'acme', name: `shop-${n}`, uid: `uid-${n}` };
    const order = { issuer, dnsNames: [`shop-${n}.example`] } as unknown as PaceQuestion['order'];
    const nowMs = minute * minuteMs;
    const question = { owner, order, need: 'Renewal', startedAt: new Date(nowMs).toISOString(), nowMs } as const;
    return pace.ask(question, api.cache)?.atMs;
  };
  test.same(
    [0, 10, 20].map((minute, n) => ask(n, minute)),
    [undefined, undefined, undefined],
  );
  const turns = [30, 31, 32, 33, 34].map((minute, n) => (ask(n + 3, minute) ?? 0) / minuteMs);
  test.same(turns, [180, 190, 200, 360, 370]);
  test.equal(ask(3, 180), undefined, 'and has it then');
  test.end();
});

void t.test('who has one certificate ordered again and again spends the orders for their own domain', (test) => {
  const pace = createOrderPace((dnsName) => dnsName);
  const limits = { orders: { count: 100, period: '3h' }, ordersPerDomain: { count: 2, period: '168h' } };
  const issuer = { kind: 'ClusterIssuer', name: 'ca', namespace: 'wcp360-system', spec: { acme: { limits } } };
  const hourMs = 3_600_000;
  const at = (hour: number): string => new Date(hour * hourMs).toISOString();
  const metadata = { namespace: 'acme', name: 'shop', uid: 'uid-1' };
  const spec = { dnsNames: ['shop.example'], secretName: 'shop', issuerRef: { kind: 'ClusterIssuer', name: 'ca' } };
  let certificate = anObject(certificateKind, { metadata, spec });
  const ask = (need: PaceQuestion['need'], hour: number): number | undefined => {
    const order = { issuer, dnsNames: spec.dnsNames } as unknown as PaceQuestion['order'];
    const question = { owner: { kind: 'Certificate', ...metadata }, order, need, startedAt: at(hour) };
    const paced = pace.ask({ ...question, nowMs: hour * hourMs }, aCache([certificate], pace.reads));
    if (paced !== undefined) return Math.floor(paced.atMs / hourMs);
    const status = { lastOrderAt: at(hour), notBefore: at(hour), notAfter: at(hour + 90 * 24), conditions: [] };
    certificate = anObject(certificateKind, { metadata, spec, status });
    return undefined;
  };
  test.equal(ask('Missing', 1), undefined);
  test.equal(ask('Requested', 2), undefined, 'the second for the domain');
  for (const need of ['Requested', 'Revoked', 'Unusable', 'Renewal'] as const)
    test.equal(ask(need, 3), 26, `${need}: a day after the last one`);
  test.equal(ask('Renewal', 27), undefined, 'what is due is ordered whatever was ordered for the domain');
  test.equal(ask('SpecChanged', 51), 170, 'other names have to wait');
  test.end();
});

void t.test('Certificates of one tenant’s own issuers wait for each other, and nobody else for them', (test) => {
  const shareOf = (namespace: string, kind: 'Issuer' | 'ClusterIssuer', name: string) => {
    const spec = { dnsNames: ['shop.example'], secretName: 'shop', issuerRef: { kind, name } };
    const certificate = anObject(certificateKind, { metadata: { namespace, name: 'shop' }, spec });
    return required(controllers.get('certificate.cluster')?.shareOf?.(certificate as never), 'share');
  };
  const own = shareOf('acme', 'Issuer', 'silent');
  test.same(shareOf('acme', 'Issuer', 'other'), own);
  test.not(shareOf('zoo', 'Issuer', 'silent').of, own.of);
  const platform = shareOf('acme', 'ClusterIssuer', 'silent');
  test.same(shareOf('zoo', 'ClusterIssuer', 'silent'), platform);
  test.not(platform.of, own.of);
  const { concurrency = 0 } = controllers.get('certificate.cluster') ?? {};
  test.ok(platform.atOnce + 2 * own.atOnce < concurrency, 'no issuer has all workers');
  test.end();
});
const many = { count: 1_000, period: '1h' };

void t.test('a CA that has enough is left alone until it says, whoever wants a certificate sooner', async (test) => {
  const threeHours = { count: 2, periodMs: 180 * minuteMs };
  const leader = await openSimulatedLeader({
    limits: { orders: many, ordersPerDomain: many },
    allowed: { orders: threeHours, ordersPerDomain: { count: 1_000, periodMs: minuteMs } },
  });
  const { declare, annotate, get, runner, ca } = leader;
  const names = Array.from({ length: 8 }, (_, n) => `shop-${n}`);
  for (const name of names) declare(name, [`${name}.example`]);
  await runner.runUntil(startMs + minuteMs);
  const { orders, limited } = ca.counts;
  test.equal(orders, 2);
  test.ok(limited <= 2, `${limited} were refused before all waited`);
  for (const minute of [20, 40, 60]) {
    for (const name of names) await annotate(name, { [ANNOTATIONS.requestedAt]: `${minute}` });
    await runner.runUntil(startMs + minute * minuteMs);
  }
  test.equal(ca.counts.limited, limited, 'nobody asks again');
  const waiting = names.map((name) => get(name)?.status?.nextTryAt ?? '').filter((time) => time !== '');
  test.equal(waiting.length, 6, 'each is told when it has its turn');
  test.ok(waiting.every((time) => Date.parse(time) >= startMs + 180 * minuteMs));
  await runner.runUntil(startMs + 14 * 60 * minuteMs);
  test.same(
    names.filter((name) => conditionOf(get(name), 'Ready')?.['reason'] !== 'Issued'),
    [],
  );
});

void t.test('names of one tenant, refused by a CA, hold up no other tenant', (test) => {
  const api = createSimulatedApi();
  const refusals = createOrderRefusals((dnsName) => dnsName.split('.').slice(-2).join('.'));
  for (const { kind, index } of refusals.reads) api.addIndex(kind, index);
  const issuer = { kind: 'ClusterIssuer', name: 'ca', namespace: 'wcp360-system', spec: {} };
  const of = (namespace: string, dnsName: string, nowMs = 1) => {
    const owner = { kind: 'Certificate', namespace, name: dnsName, uid: `uid of ${dnsName}` };
    return { owner, order: { issuer, dnsNames: [dnsName] } as unknown as PaceQuestion['order'], nowMs };
  };
  const held = (namespace: string, dnsName: string, nowMs?: number) =>
    refusals.heldUntil(of(namespace, dnsName, nowMs), api.cache);
  refusals.refused(of('acme', 'a.acme.example'), 100);
  test.same([held('acme', 'a.acme.example'), held('acme', 'b.acme.example')], [100, 100], 'below the same domain');
  test.equal(held('acme', 'acme.test'), undefined, 'and no other');
  refusals.refused(of('acme', 'acme.test'), 80);
  test.equal(held('acme', 'third.test'), 80, 'two domains, and the tenant waits');
  test.equal(held('other', 'other.test'), undefined, 'another tenant does not');
  refusals.refused(of('other', 'other.test'), 50);
  test.equal(held('third', 'shop.test'), 50, 'two tenants, and all wait');
  refusals.taken(issuer as PaceQuestion['order']['issuer'], 2);
  test.same([held('third', 'shop.test'), held('acme', 'third.test')], [undefined, undefined], 'or an order is taken');
  test.equal(held('other', 'other.test'), 50, 'which says nothing of names that were refused');
  test.equal(held('other', 'other.test', 50), undefined, 'until their time has come');
  test.end();
});

void t.test('what a CA refused is known after a start', (test) => {
  const api = createSimulatedApi();
  const refusals = createOrderRefusals((dnsName) => dnsName);
  for (const { kind, index } of refusals.reads) api.addIndex(kind, index);
  for (const tenant of ['acme', 'other']) {
    const spec = { dnsNames: [`${tenant}.test`], secretName: 'tls', issuerRef: { kind: 'ClusterIssuer', name: 'ca' } };
    const status = { issuance: { refusedUntil: '2026-01-01T01:00:00Z' }, lastFailureTime: '2026-01-01T00:00:00Z' };
    api.put(anObject(certificateKind, { metadata: { namespace: tenant, name: 'shop' }, spec, status }));
  }
  const issuer = { kind: 'ClusterIssuer', name: 'ca', namespace: 'wcp360-system', spec: {} };
  const owner = { kind: 'Certificate', namespace: 'third', name: 'shop', uid: 'u3' };
  const order = { issuer, dnsNames: ['third.test'] } as unknown as PaceQuestion['order'];
  const heldAt = (nowMs: number) => refusals.heldUntil({ owner, order, nowMs }, api.cache);
  test.equal(heldAt(startMs), startMs + 60 * minuteMs);
  test.equal(heldAt(startMs + 60 * minuteMs), undefined);
  test.end();
});

void t.test(
  'what a CA suggested holds while it does not answer, and no suggestion lets a certificate end',
  async (test) => {
    let isAway = false;
    const early = await openSimulatedLeader({
      suggests: ({ freshMs }) => {
        if (isAway) throw new AcmeProblem('serverInternal', 'overloaded');
        return { startMs: startMs + 10 * dayMs, endMs: startMs + 11 * dayMs, freshMs };
      },
    });
    early.declare('shop', ['shop.example']);
    await early.runner.runUntil(startMs + 2 * dayMs);
    const { serialNumber } = early.get('shop')?.status ?? {};
    isAway = true;
    await early.runner.runUntil(startMs + 12 * dayMs);
    test.not(early.get('shop')?.status?.serialNumber, serialNumber, 'it was renewed when that was suggested');
    const late = await openSimulatedLeader({
      suggests: ({ startMs: at, endMs, freshMs }) => ({ startMs: at + 60 * dayMs, endMs: endMs + 60 * dayMs, freshMs }),
    });
    late.declare('shop', ['shop.example']);
    await late.runner.runUntil(startMs + dayMs);
    const { renewalTime = '', notAfter = '' } = late.get('shop')?.status ?? {};
    test.ok(Date.parse(renewalTime) < Date.parse(notAfter) - 8 * dayMs, `${renewalTime} is well before ${notAfter}`);
  },
);
