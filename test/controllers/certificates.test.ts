import { createServer } from 'node:http';
import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  certificateKind,
  challengeKind,
  clusterIssuerKind,
  domainKind,
  packageKind,
  tenantKind,
} from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { freePort } from '#test/lab/free-port.ts';
import { shownFor, startHosting, type Hosting } from '#test/lab/hosting.ts';
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

async function setUp(test: Test, options: Partial<PebbleOptions> = {}): Promise<Lab> {
  const hosting = await startHosting();
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
