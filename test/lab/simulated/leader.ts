import { anObject, aHostnameClaim } from '#test/builders/objects.ts';
import { certificateKind, challengeKind, clusterIssuerKind, type ClusterIssuer } from '#schemas/index.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Challenge } from '#schemas/v1alpha1/challenge.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { createCertificatesDriver } from '#controllers/certificate/certificates-driver.ts';
import { createCertificateClusterController } from '#controllers/certificate/cluster.ts';
import { createClusterParts } from '#controllers/cluster-parts.ts';
import { registrableOf } from '#controllers/hostname-claim/ancestors.ts';
import type { ClusterWorld } from '#controllers/parts.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority } from '#runtime/pki/issue.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { createSimulatedApi, type SimulatedApi } from './api.ts';
import { createSimulatedCa, type SimulatedCa, type SimulatedCaOptions } from './ca.ts';
import { createSimulatedRunner, type SimulatedRunner } from './runner.ts';
import { createSimulatedTime, type SimulatedTime } from './time.ts';

export const tenant = 'acme';
export const startMs = Date.parse('2026-01-01T00:00:00Z');

type CaBehaviour = 'refuses' | 'suggests' | 'lifetimeMs';

export interface SimulatedLeaderOptions extends Partial<Pick<SimulatedCaOptions, 'failing' | 'outages' | CaBehaviour>> {
  /** As in an issuer, whose defaults hold when absent. */
  readonly limits?: object;
  /** What the CA allows; as the issuer says when absent. */
  readonly allowed?: SimulatedCaOptions['limits'];
  /** Of a name, whether the DNS leads elsewhere at the moment. */
  readonly isElsewhere?: (dnsName: string) => boolean;
}

/** The leader's part of certificates with one ClusterIssuer. Only time, API server, host and CA are not the real ones. */
export interface SimulatedLeader {
  readonly time: SimulatedTime;
  readonly api: SimulatedApi;
  readonly ca: SimulatedCa;
  readonly issuer: ClusterIssuer;
  readonly runner: SimulatedRunner;
  /** Declares a Certificate whose names are the tenant's. */
  declare(name: string, dnsNames: readonly string[], spec?: object): void;
  get(name: string): Certificate | undefined;
  /** As an annotation of a person. */
  annotate(name: string, annotations: Readonly<Record<string, string>>): Promise<void>;
}

/** It is the start of 2026, and nothing is declared. */
export async function openSimulatedLeader(options: SimulatedLeaderOptions = {}): Promise<SimulatedLeader> {
  const time = createSimulatedTime(startMs);
  const api = createSimulatedApi();
  const issuer = anIssuer(options);
  const ca = await openCa(options, { issuer, time, api });
  const runner = startRunner({ time, api, ca }, options);
  presentChallenges(api);
  api.put(issuer);
  return {
    ...{ time, api, ca, issuer, runner },
    declare: (name, dnsNames, spec = {}) => {
      for (const dnsName of dnsNames) api.put(aHostnameClaim(dnsName, tenant));
      const usual = { dnsNames, secretName: name, issuerRef: { kind: 'ClusterIssuer', name: 'ca' } };
      api.put(anObject(certificateKind, { metadata: { namespace: tenant, name }, spec: { ...usual, ...spec } }));
    },
    get: (name) => api.cache.get(certificateKind, { namespace: tenant, name }),
    annotate: async (name, annotations) => {
      const metadata = { namespace: tenant, name, annotations };
      const object = { apiVersion: apiVersionOf(certificateKind), kind: certificateKind.kind, metadata };
      await api.client.apply(resourceTypeOf(certificateKind), object, { fieldManager: 'person', force: true });
    },
  };
}

function anIssuer({ limits = {} }: SimulatedLeaderOptions): ClusterIssuer {
  const acme = { server: 'https://ca.example/directory', privateKeySecretRef: { name: 'account' }, limits };
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: rfc3339(startMs) };
  const status = { observedGeneration: 1, conditions: [ready] };
  return anObject(clusterIssuerKind, { metadata: { name: 'ca' }, spec: { acme }, status });
}

type Parts = Pick<SimulatedLeader, 'time' | 'api' | 'ca'>;

/** Unless told otherwise it refuses whatever the issuer says that it does not allow. */
async function openCa(
  { failing = 0, outages = [], allowed, ...behaviour }: SimulatedLeaderOptions,
  { issuer, time, api }: Omit<Parts, 'ca'> & { readonly issuer: ClusterIssuer },
): Promise<SimulatedCa> {
  const { limits } = issuer.spec.acme ?? {};
  const limitOf = (name: 'orders' | 'ordersPerDomain') => {
    const { count = 0, period = '' } = limits?.[name] ?? {};
    return { count, periodMs: parseDurationMs(period) ?? 0 };
  };
  return createSimulatedCa({
    ...behaviour,
    clock: time,
    authority: await issueAuthority('simulated', newKey(), startMs),
    shown: (dnsName, token) =>
      api.cache.list(challengeKind, tenant).find(({ spec }) => spec.dnsName === dnsName && spec.token === token)?.spec
        .key,
    registrable: registrableOf,
    limits: allowed ?? { orders: limitOf('orders'), ordersPerDomain: limitOf('ordersPerDomain') },
    failing,
    outages,
  });
}

function startRunner({ time, api, ca }: Parts, { isElsewhere }: SimulatedLeaderOptions): SimulatedRunner {
  const { signal } = new AbortController();
  const resolver = {
    ...noTools.certificates.resolver,
    addresses: async (name: string) => await Promise.resolve(isElsewhere?.(name) === true ? [] : ['192.0.2.1']),
    authorizations: async () => await Promise.resolve([]),
  };
  const certificates = { ...noTools.certificates, clock: time, resolver, signal };
  const accounts = { of: async () => await Promise.resolve({ ...ca.account, keyDigest: '' }) };
  const parts = {
    ...createClusterParts<ClusterWorld>({ ...noTools, certificates }),
    certificates: createCertificatesDriver<ClusterWorld>({ accounts, registrable: registrableOf }, certificates),
    now: time.now,
  };
  return createSimulatedRunner(createCertificateClusterController(parts), { time, api });
}

/** The agent's part: what is to be shown is shown at once. */
function presentChallenges(api: SimulatedApi): void {
  const shown = {
    type: 'Ready',
    status: 'True',
    reason: 'Presented',
    message: '',
    lastTransitionTime: rfc3339(startMs),
  };
  api.subscribe(({ type, object }) => {
    if (object.kind !== challengeKind.kind || type !== 'added') return;
    const { apiVersion, kind, metadata } = object as Challenge;
    const status = { conditions: [shown] };
    const to = { fieldManager: 'agent', force: true, subresource: 'status' } as const;
    void api.client.apply(resourceTypeOf(challengeKind), { apiVersion, kind, metadata, status } as KubeObject, to);
  });
}
