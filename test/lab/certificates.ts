import { createServer } from 'node:http';
import { X509Certificate } from 'node:crypto';
import type { Test } from 'tap';
import { clusterIssuerKind, packageKind, tenantKind } from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { freePort } from './free-port.ts';
import { shownFor, startHosting, type Hosting, type HostingOptions } from './hosting.ts';
import { startPebble, type Pebble, type PebbleOptions } from './pebble.ts';
import { conditionOf, eventually } from './widgets.ts';

const tenant = 'acme';

/** Leader and agent on a real API server, with a real CA that looks at the web front of a model machine; there is a tenant `acme`. */
export interface CertificateLab extends Hosting {
  readonly pebble: Pebble;
  /** Ends the leader, and starts one that knows nothing. */
  restartLeader(): Promise<void>;
  /** Makes, or changes, a default ClusterIssuer of that CA. */
  issuer(name: string, acme?: object): Promise<void>;
  /** The object once its Ready condition gives this reason for its present generation. */
  settled(kind: KindDefinition, name: string, reason: string): Promise<KubeObject>;
  /** What is in a Secret of the tenant. */
  served(secretName: string): Promise<X509Certificate>;
}

export interface CertificateLabOptions extends Partial<PebbleOptions>, HostingOptions {}

/** With an issuer `pebble`. Everything ends with the test. */
export async function openCertificateLab(test: Test, options: CertificateLabOptions = {}): Promise<CertificateLab> {
  const hosting = await startHosting(options);
  const running = { leader: await hosting.start('leader'), agent: await hosting.start('agent') };
  const pebble = await startPebble({ httpPort: await openFront(test, hosting), ...options });
  test.teardown(async () => {
    await Promise.all(Object.values(running).map(async (each) => await each.stop()));
    await pebble.stop();
    await hosting.close();
  });
  const lab: CertificateLab = {
    ...hosting,
    pebble,
    restartLeader: async () => {
      await running.leader.stop();
      running.leader = await hosting.start('leader');
    },
    issuer: async (name, acme = {}) => {
      const caBundle = Buffer.from(pebble.ca).toString('base64');
      const usual = { server: pebble.directory, caBundle, privateKeySecretRef: { name: `${name}-account` } };
      await hosting.apply(clusterIssuerKind, name, { isDefault: true, acme: { ...usual, ...acme } });
    },
    settled: async (kind, name, reason) => await settledIn(hosting, kind, { name, reason }),
    served: async (name) => {
      const secret = await hosting.client.get(resourceTypeOf(secretKind), { namespace: tenant, name });
      const { 'tls.crt': chain = '' } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
      return new X509Certificate(Buffer.from(chain, 'base64'));
    },
  };
  await hosting.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 40 } });
  await hosting.apply(tenantKind, tenant, {});
  await lab.settled(tenantKind, tenant, 'Ready');
  await lab.issuer('pebble');
  return lab;
}

async function settledIn(
  hosting: Hosting,
  kind: KindDefinition,
  { name, reason }: { readonly name: string; readonly reason: string },
): Promise<KubeObject> {
  let last: KubeObject | undefined;
  const look = async (): Promise<KubeObject | undefined> => {
    last = await hosting.get(kind, name, kind.scope === 'Namespaced' ? tenant : undefined);
    const ready = conditionOf(last, 'Ready');
    return ready?.['reason'] === reason && ready['observedGeneration'] === last?.metadata.generation ? last : undefined;
  };
  return await eventually(look, `${name} to be ${reason}`).catch((err: unknown) => {
    throw new Error(`${String(err)}: ${JSON.stringify(last?.['status'])}`);
  });
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
