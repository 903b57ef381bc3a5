import { anObject, aHostnameClaim } from '#test/builders/objects.ts';
import { certificateKind, challengeKind, clusterIssuerKind, type ClusterIssuer } from '#schemas/index.ts';
import type { Challenge } from '#schemas/v1alpha1/challenge.ts';
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
import { factsOf } from '#runtime/pki/server-certificate.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { createSimulatedApi, type SimulatedApi } from './api.ts';
import { createSimulatedCa, type SimulatedCa } from './ca.ts';
import { createSimulatedRunner } from './runner.ts';
import { createSimulatedTime, type SimulatedTime } from './time.ts';

const dayMs = 24 * 3_600_000;
const tenant = 'acme';
const startMs = Date.parse('2026-01-01T00:00:00Z');

export interface YearOptions {
  readonly certificates: number;
  /** How many of them are for names below one registered domain. */
  readonly ofOneDomain: number;
  readonly days: number;
  /** As in an issuer, whose defaults hold when absent; the CA refuses what is above. */
  readonly limits?: object;
  /** The part of orders that fail. */
  readonly failing: number;
  /** On which days of it nobody answers. */
  readonly outages: readonly { readonly fromDay: number; readonly untilDay: number }[];
  /** Told after each day. */
  readonly onDay?: (day: number) => void;
}

export interface Year {
  readonly ca: Pick<SimulatedCa, 'counts' | 'mostOrders'>;
  readonly issuer: ClusterIssuer;
  readonly renewals: number;
  /** Names whose certificate ended before the next one was in their Secret, and those that never had one. */
  readonly expired: readonly string[];
  /** Of all renewals: the least that was left of the one before. */
  readonly leastLeftMs: number;
  /** Of the controller. */
  readonly rounds: number;
}

/** The certificates of a tenant, all applied in one moment, as the leader gets and renews them. Only time, API server, host and CA are not the real ones. */
export async function liveThrough(options: YearOptions): Promise<Year> {
  const { days, onDay } = options;
  const time = createSimulatedTime(startMs);
  const api = createSimulatedApi();
  const issuer = anIssuer(options);
  const ca = await openCa(options, { issuer, time, api });
  const runner = openLeader({ time, api, ca });
  const served = followSecrets(api, time);
  presentChallenges(api);
  api.put(issuer);
  const names = namesOf(options);
  for (const name of names) putCertificate(api, name);
  for (let day = 1; day <= days; day += 1) {
    await runner.runUntil(startMs + day * dayMs);
    onDay?.(day);
  }
  const expired = names.filter((name) => served.hasLapsed(name));
  return {
    ca,
    issuer,
    expired,
    renewals: served.renewals(),
    leastLeftMs: served.leastLeftMs(),
    rounds: runner.rounds(),
  };
}

function namesOf({ certificates, ofOneDomain }: YearOptions): readonly string[] {
  return Array.from({ length: certificates }, (_, n) =>
    n < ofOneDomain ? `shop-${n}.many.example` : `shop-${n}.example`,
  );
}

function anIssuer({ limits = {} }: YearOptions): ClusterIssuer {
  const acme = { server: 'https://ca.example/directory', privateKeySecretRef: { name: 'account' }, limits };
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: rfc3339(startMs) };
  const status = { observedGeneration: 1, conditions: [ready] };
  return anObject(clusterIssuerKind, { metadata: { name: 'ca' }, spec: { acme }, status });
}

interface Parts {
  readonly time: SimulatedTime;
  readonly api: SimulatedApi;
  readonly ca: SimulatedCa;
}

/** It refuses whatever the issuer says that it does not allow. */
async function openCa(
  { failing, outages }: YearOptions,
  { issuer, time, api }: Omit<Parts, 'ca'> & { readonly issuer: ClusterIssuer },
): Promise<SimulatedCa> {
  const { limits } = issuer.spec.acme ?? {};
  const limitOf = (name: 'orders' | 'ordersPerDomain') => {
    const { count = 0, period = '' } = limits?.[name] ?? {};
    return { count, periodMs: parseDurationMs(period) ?? 0 };
  };
  return createSimulatedCa({
    clock: time,
    authority: await issueAuthority('simulated', newKey(), startMs),
    shown: (dnsName, token) =>
      api.cache.list(challengeKind, tenant).find(({ spec }) => spec.dnsName === dnsName && spec.token === token)?.spec
        .key,
    registrable: registrableOf,
    limits: { orders: limitOf('orders'), ordersPerDomain: limitOf('ordersPerDomain') },
    failing,
    outages: outages.map(({ fromDay, untilDay }) => ({
      fromMs: startMs + fromDay * dayMs,
      untilMs: startMs + untilDay * dayMs,
    })),
  });
}

function openLeader({ time, api, ca }: Parts) {
  const { signal } = new AbortController();
  const certificates = { ...noTools.certificates, clock: time, resolver: everythingHere, signal };
  const accounts = { of: async () => await Promise.resolve(ca.account) };
  const parts = {
    ...createClusterParts<ClusterWorld>({ ...noTools, certificates }),
    certificates: createCertificatesDriver<ClusterWorld>({ accounts, registrable: registrableOf }, certificates),
    now: time.now,
  };
  return createSimulatedRunner(createCertificateClusterController(parts), { time, api });
}

/** Every name leads to a host of the platform. */
const everythingHere = {
  ...noTools.certificates.resolver,
  addresses: async () => await Promise.resolve(['192.0.2.1']),
  authorizations: async () => await Promise.resolve([]),
};

function putCertificate(api: SimulatedApi, dnsName: string): void {
  const name = dnsName.split('.')[0] ?? '';
  api.put(aHostnameClaim(dnsName, tenant));
  const spec = { dnsNames: [dnsName], secretName: name, issuerRef: { kind: 'ClusterIssuer', name: 'ca' } };
  api.put(anObject(certificateKind, { metadata: { namespace: tenant, name }, spec }));
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

interface Served {
  hasLapsed(dnsName: string): boolean;
  renewals(): number;
  leastLeftMs(): number;
}

/** What visitors saw: the certificate in each Secret. */
function followSecrets(api: SimulatedApi, time: SimulatedTime): Served {
  const ends = new Map<string, number>();
  const lapsed = new Set<string>();
  let [renewals, leastLeftMs] = [0, Number.POSITIVE_INFINITY];
  api.subscribe(({ object }) => {
    const { type, data } = object as KubeObject & {
      readonly type?: string;
      readonly data?: { readonly 'tls.crt': string };
    };
    if (type !== 'kubernetes.io/tls' || data === undefined) return;
    const { dnsNames = [], notAfter = 0 } = factsOf(Buffer.from(data['tls.crt'], 'base64').toString()) ?? {};
    for (const name of dnsNames) {
      const before = ends.get(name);
      ends.set(name, notAfter);
      if (before === undefined) continue;
      const leftMs = before - time.now();
      renewals += 1;
      leastLeftMs = Math.min(leastLeftMs, leftMs);
      if (leftMs < 0) lapsed.add(name);
    }
  });
  return {
    hasLapsed: (name) => lapsed.has(name) || (ends.get(name) ?? 0) < time.now(),
    renewals: () => renewals,
    leastLeftMs: () => leastLeftMs,
  };
}
