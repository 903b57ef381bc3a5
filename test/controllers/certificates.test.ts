import { createServer } from 'node:http';
import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  certificateKind,
  challengeKind,
  clusterIssuerKind,
  domainKind,
  hostKind,
  packageKind,
  tenantKind,
} from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import { namesInVain } from '#controllers/certificate/pre-checks.ts';
import { reach } from '#test/contracts/driver.ts';
import { freePort } from '#test/lab/free-port.ts';
import { shownFor, startHosting, type Hosting, type HostingOptions } from '#test/lab/hosting.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { startPebble, type Pebble, type PebbleOptions } from '#test/lab/pebble.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// Issuers, Certificates and Challenges with a real API server and a real CA; the web front is that of a model machine.

const patienceMs = 20_000;

interface Failed {
  readonly failedIssuanceAttempts?: number;
}

interface Lab extends Hosting {
  readonly pebble: Pebble;
  settled(kind: typeof certificateKind, name: string, reason: string): Promise<KubeObject>;
  served(secretName: string): Promise<X509Certificate>;
}

/** What a visitor of port 80 gets, as far as a CA looks. */
async function openFront(test: Test, hosting: Hosting): Promise<number> {
  const server = createServer((request, response) => {
    const [, token = ''] = /^\/\.well-known\/acme-challenge\/(.+)$/.exec(request.url ?? '') ?? [];
    const answer = shownFor(hosting.machine, token);
    response.writeHead(answer === undefined ? 404 : 200).end(answer);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  test.teardown(() => server.close());
  return port;
}

async function setUp(test: Test, options: Partial<PebbleOptions> = {}, dns: HostingOptions = {}): Promise<Lab> {
  const hosting = await startHosting(dns);
  const running = [await hosting.start('leader'), await hosting.start('agent')];
  const pebble = await startPebble({ httpPort: await openFront(test, hosting), ...options });
  test.teardown(async () => {
    await Promise.all(running.map(async (each) => await each.stop()));
    await pebble.stop();
    await hosting.close();
  });
  await hosting.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 40 } });
  await hosting.apply(tenantKind, 'acme', {});
  const isReady = async (): Promise<boolean> =>
    conditionOf(await hosting.get(tenantKind, 'acme'), 'Ready')?.['status'] === 'True';
  await eventually(isReady, 'the tenant to be ready', patienceMs);
  await hosting.apply(clusterIssuerKind, 'pebble', {
    isDefault: true,
    acme: {
      server: pebble.directory,
      caBundle: Buffer.from(pebble.ca).toString('base64'),
      privateKeySecretRef: { name: 'pebble-account' },
    },
  });
  return {
    ...hosting,
    pebble,
    settled: async (kind, name, reason) => {
      let last: KubeObject | undefined;
      const look = async (): Promise<KubeObject | undefined> => {
        last = await hosting.get(kind, name, 'acme');
        const ready = conditionOf(last, 'Ready');
        return ready?.['reason'] === reason && ready['observedGeneration'] === last?.metadata.generation
          ? last
          : undefined;
      };
      return await eventually(look, `${name} to be ${reason}`, patienceMs).catch(async (err: unknown) => {
        throw new Error(
          `${String(err)}: ${JSON.stringify([last?.['status'], (await hosting.get(domainKind, 'shop', 'acme'))?.['status'], (await hosting.get(clusterIssuerKind, 'pebble'))?.['status'], (await hosting.client.list(resourceTypeOf(challengeKind), {})).items.map((c) => [c['spec'], c['status']])])}`,
        );
      });
    },
    served: async (secretName) => {
      const secret = await hosting.client.get(resourceTypeOf(secretKind), { namespace: 'acme', name: secretName });
      const { 'tls.crt': chain = '' } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
      return new X509Certificate(Buffer.from(chain, 'base64'));
    },
  };
}

void t.test('failures are counted until it goes well, however far each attempt came', async (test) => {
  const lab = await setUp(test, { httpPort: await freePort() });
  await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example' }, 'acme');
  const failed = async (attempts: number): Promise<boolean> => {
    const certificate = await lab.get(certificateKind, 'shop', 'acme');
    return (certificate?.['status'] as Failed | undefined)?.failedIssuanceAttempts === attempts;
  };
  await eventually(async () => await failed(1), 'the first failure', patienceMs);
  const certificate = await lab.get(certificateKind, 'shop', 'acme');
  test.match(certificate?.['status'], { failedNames: [{ dnsName: 'shop.acme.example' }] });
  const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: 'now' } } };
  await lab.client.patch(resourceTypeOf(certificateKind), { namespace: 'acme', name: 'shop' }, { type: 'merge', body });
  await eventually(async () => await failed(2), 'the second failure', patienceMs);
});

void t.test('a Domain has a certificate from its issuer without another word', async (test) => {
  const lab = await setUp(test);
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
  const lab = await setUp(test, {}, { dnsResolver: zone.address });
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
