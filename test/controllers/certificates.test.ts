import t, { type Test } from 'tap';
import { certificateKind, challengeKind, domainKind, hostKind } from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import { factsOf } from '#runtime/pki/server-certificate.ts';
import { namesInVain } from '#controllers/certificate/pre-checks.ts';
import { reach } from '#test/contracts/driver.ts';
import { createOrderPace, type PaceQuestion } from '#controllers/certificate/pace.ts';
import { openCertificateLab } from '#test/lab/certificates.ts';
import { freePort } from '#test/lab/free-port.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { startRenewalInfo } from '#test/lab/renewal-info.ts';
import { createSimulatedApi } from '#test/lab/simulated/api.ts';
import { liveThrough } from '#test/lab/simulated/year.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

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
    await eventually(async () => (await told()).serialNumber !== serialNumber, 'the third');
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
  return { address: `127.0.0.1:${server.settings.port}`, declare };
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

void t.test('whoever waits for a CA has a turn of their own, and asks no sooner', (test) => {
  const api = createSimulatedApi();
  const pace = createOrderPace((dnsName) => dnsName);
  for (const { kind, index } of pace.reads) api.addIndex(kind, index);
  const issuer = {
    ...{ kind: 'ClusterIssuer', name: 'ca', namespace: 'wcp360-system' },
    spec: { acme: { limits: { orders: { count: 3, period: '3h' } } } },
  };
  const minuteMs = 60_000;
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
