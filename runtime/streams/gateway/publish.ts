import { createHash } from 'node:crypto';
import { rfc3339Micro, type Clock } from '#runtime/base/clock.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { createInformer } from '#runtime/manager/informer.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { STREAMS } from '#schemas/meta/streams.ts';

export interface PublishOptions {
  readonly client: Client;
  /** Of this process, and of it alone. */
  readonly identity: string;
  /** Port of the Service. */
  readonly port: number;
  /** PEM of the CA behind every replica's certificate. */
  readonly authority: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the ids of all replicas, this one included, when they are other ones. */
  readonly onReplicas: (all: readonly string[]) => void;
}

const fieldManager = 'wcp360-stream-gateway';
const everyMs = 5_000;
/** A replica whose Lease stands still for so long, by our own clock, is gone. */
const silenceMs = 20_000;
const farewellMs = 3_000;
/** How long the API server may say that it does not reach us before we are withdrawn, and for how long then. */
const unreachedMs = 60_000;
const pauseMs = 120_000;
const component = 'app.kubernetes.io/component';
const labels = { 'app.kubernetes.io/part-of': 'wcp360', [component]: STREAMS.service };
const labelSelector = `${component}=${STREAMS.service}`;
const leaseType = resourceTypeOf(leaseKind);
const apiServiceType: ResourceType = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  resource: 'apiservices',
  kind: 'APIService',
  namespaced: false,
};

/** What a replica is known by to agents and to the others. */
export function replicaIdOf(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

/**
 * Keeps the gateway's API announced while the signal lasts: a Lease of its own for each replica, and one APIService for all. In the end the Lease goes, and
 * with the last one the APIService, since one that does not answer holds up the deletion of every namespace. For the same reason it goes for a while where the
 * API server does not reach the gateway. Never rejects.
 */
export async function keepPublished(options: PublishOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log, onReplicas } = options;
  const others = createOthers(options);
  const isUnreached = createPatience(clock);
  const announcement = followAnnouncement(options, signal);
  const replicas = followReplicas(options, signal);
  let told: readonly string[] = [];
  while (!signal.aborted) {
    const news = replicas.news();
    try {
      await client.apply(leaseType, leaseOf(options), { fieldManager, force: true, signal });
      if (isUnreached(await announcement())) await pause(options, signal);
      const all = [replicaIdOf(options.identity), ...(await others(replicas.leases(), signal))].toSorted();
      if (!isEqual(all, told)) onReplicas(all);
      told = all;
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'the gateway for streams could not be announced');
    }
    await clock.sleep(everyMs, AbortSignal.any([signal, news])).catch(() => undefined);
  }
  await withdraw(options, others).catch((err: unknown) =>
    log.warn({ err }, 'the gateway for streams was not withdrawn'),
  );
}

/** The APIService, which is followed rather than asked for: only one that is not there, or not as it should be, costs a request. */
function followAnnouncement(options: PublishOptions, signal: AbortSignal): () => Promise<KubeObject> {
  const { client, clock, log } = options;
  const wanted = apiServiceOf(options);
  const type = apiServiceType;
  const informer = createInformer({ client, type, fieldSelector: `metadata.name=${apiServiceName}`, log, clock });
  void informer.run(signal);
  return async () => {
    const standing = informer.store.get(apiServiceName);
    if (standing !== undefined && isSpecWithin(wanted, standing)) return standing;
    return await client.apply(type, wanted, { fieldManager, force: true, signal });
  };
}

interface FollowedReplicas {
  /** Of all of them. */
  leases(): readonly KubeObject[];
  /** Aborts when another one comes or goes from now on: agents are to know at once. */
  news(): AbortSignal;
}

function followReplicas({ client, identity, log, clock }: PublishOptions, signal: AbortSignal): FollowedReplicas {
  const own = leaseName(replicaIdOf(identity));
  const informer = createInformer({
    ...{ client, type: leaseType, namespace: SYSTEM_NAMESPACE, labelSelector, log, clock },
  });
  let news = new AbortController();
  informer.subscribe(({ type, object }) => {
    if (type !== 'modified' && object.metadata.name !== own) news.abort();
  });
  void informer.run(signal);
  return {
    leases: () => informer.store.list(),
    news: () => (news = new AbortController()).signal,
  };
}

/** Whether every field of the one's spec stands in the other's, which may have more. */
function isSpecWithin(wanted: KubeObject, { spec }: KubeObject): boolean {
  return (
    isRecord(spec) && Object.entries(wanted['spec'] as object).every(([name, value]) => isEqual(spec[name], value))
  );
}

/** Whether the API server has said for a while that it does not reach what an APIService names. */
function createPatience({ now }: Clock): (apiService: KubeObject) => boolean {
  let sinceMs: number | undefined;
  return ({ status }) => {
    const conditions = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
    const isOut = conditions.some(
      (each) => isRecord(each) && each['type'] === 'Available' && each['status'] === 'False',
    );
    sinceMs = isOut ? (sinceMs ?? now()) : undefined;
    const isUnreached = sinceMs !== undefined && now() - sinceMs > unreachedMs;
    if (isUnreached) sinceMs = undefined;
    return isUnreached;
  };
}

async function pause({ client, clock, log, port }: PublishOptions, signal: AbortSignal): Promise<void> {
  log.warn({ service: STREAMS.service, port, pauseMs }, 'the API server does not reach the gateway for streams');
  await client.delete(apiServiceType, { name: apiServiceName }, { signal });
  await clock.sleep(pauseMs, signal);
}

async function withdraw({ client, identity }: PublishOptions, others: ReturnType<typeof createOthers>): Promise<void> {
  const signal = AbortSignal.timeout(farewellMs);
  await client.delete(leaseType, { namespace: SYSTEM_NAMESPACE, name: leaseName(replicaIdOf(identity)) }, { signal });
  // What another one that stops at the same time has done must be seen, so nothing is good enough that is known from before.
  const { items } = await client.list(leaseType, { namespace: SYSTEM_NAMESPACE, labelSelector, signal });
  if ((await others(items, signal)).length === 0)
    await client.delete(apiServiceType, { name: apiServiceName }, { signal });
}

/** Looks for other replicas that live; Leases of those that are gone are cleared away. */
function createOthers({
  client,
  identity,
  clock,
}: PublishOptions): (leases: readonly KubeObject[], signal: AbortSignal) => Promise<readonly string[]> {
  const seen = new Map<string, { readonly resourceVersion: string | undefined; readonly atMs: number }>();
  const own = leaseName(replicaIdOf(identity));
  return async (leases, signal) => {
    const live: string[] = [];
    for (const { metadata } of leases.filter((lease) => lease.metadata.name !== own)) {
      const { name, resourceVersion } = metadata;
      if (seen.get(name)?.resourceVersion !== resourceVersion) seen.set(name, { resourceVersion, atMs: clock.now() });
      if (clock.now() - (seen.get(name)?.atMs ?? 0) < silenceMs) live.push(name.slice(leaseName('').length));
      else await client.delete(leaseType, { namespace: SYSTEM_NAMESPACE, name }, { signal });
    }
    return live;
  };
}

function leaseName(replica: string): string {
  return `${STREAMS.service}-${replica}`;
}

function leaseOf({ identity, clock }: PublishOptions): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: leaseName(replicaIdOf(identity)), namespace: SYSTEM_NAMESPACE, labels },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: silenceMs / 1_000,
      renewTime: rfc3339Micro(clock.now()),
    },
  };
}

const apiServiceName = `${STREAMS.version}.${STREAMS.group}`;

function apiServiceOf({ port, authority }: PublishOptions): KubeObject {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: apiServiceName, labels },
    spec: {
      group: STREAMS.group,
      version: STREAMS.version,
      groupPriorityMinimum: 1_000,
      versionPriority: 10,
      service: { namespace: SYSTEM_NAMESPACE, name: STREAMS.service, port },
      caBundle: Buffer.from(authority).toString('base64'),
    },
  };
}
