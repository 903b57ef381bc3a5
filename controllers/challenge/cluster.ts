import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import { dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import {
  defineController,
  type Pending,
  type StatusInput,
  type StatusPatch,
  type Watch,
} from '#runtime/manager/controller.ts';
import { childrenOf, type Children } from '#runtime/manager/objects/children.ts';
import { createObjectsDriver } from '#runtime/manager/objects/objects-driver.ts';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import { isOwnName } from '#controllers/own-names.ts';
import { hostsByPanel, panelHostOf } from '#controllers/panel-names.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { whereaboutsOf, type Whereabouts } from '#controllers/whereabouts.ts';
import { answerOf, desiredRecord, gatherRecord, type RecordInputs } from './cluster/record.ts';
import { probeServers } from './cluster/shown.ts';

/** What the leader knows about a Challenge. */
export interface ChallengeInputs {
  /** Of the host whose web front shows it; nowhere when the DNS does. */
  readonly place: Whereabouts;
  /** Where the DNS shows it. */
  readonly record?: RecordInputs;
}

export type ChallengeClusterDrivers<W> = {
  /** The DNSRecord, which goes with the Challenge. */
  readonly record: DriverOf<Children, W>;
};

/** Has shown what a CA wants to see, for a name that is the tenant's: by the web front of the tenant's host, or by a record in the tenant's Zone. */
export function createChallengeClusterController<W extends ClusterWorld>(parts: ClusterParts<W>) {
  const { ancestorsOf } = parts;
  const gather = (challenge: Challenge, cache: Cache) => gatherChallenge(challenge, cache, ancestorsOf);
  return defineController<typeof challengeKind, W, ChallengeClusterDrivers<W>, ChallengeInputs>({
    name: 'challenge.cluster',
    kind: challengeKind,
    drivers: {
      record: createObjectsDriver({
        name: 'challenge-record',
        fieldManager: 'wcp360-challenge-record',
        kinds: [dnsRecordKind],
      }),
    },
    holdsFor: (challenge, cache) => {
      const inputs = gather(challenge, cache);
      const host = 'place' in inputs ? inputs.place.host : undefined;
      return hostHolders(challenge, { isComing: host !== undefined });
    },
    watches,
    indexes: [hostsByPanel],
    gather,
    desired: (challenge, { record }) => ({
      record: childrenOf(record === undefined ? [] : [desiredRecord(challenge, record)]),
    }),
    probe: async (challenge, { record }, _world, signal) =>
      record === undefined ? [] : await probeServers(challenge, record, parts, signal),
    status: challengeStatus,
  });
}

const watches: readonly Watch[] = [
  { kind: tenantKind, keysOf: ({ metadata }, cache) => challengesIn(metadata.name, cache) },
  { kind: zoneKind, keysOf: ({ metadata }, cache) => challengesIn(metadata.namespace, cache) },
  {
    kind: dnsRecordKind,
    keysOf: ({ metadata: { namespace, ownerReferences = [] } }) =>
      ownerReferences.filter(({ kind }) => kind === challengeKind.kind).map(({ name }) => ({ namespace, name })),
  },
];

function challengesIn(namespace: string | undefined, cache: Cache): readonly ObjectKey[] {
  return cache.list(challengeKind, namespace).map(({ metadata }: KubeObject) => ({
    namespace: metadata.namespace,
    name: metadata.name,
  }));
}

function gatherChallenge(
  challenge: Challenge,
  cache: Cache,
  ancestorsOf: ClusterParts<never>['ancestorsOf'],
): ChallengeInputs | Pending {
  const { metadata, spec, status } = challenge;
  const { namespace = '', deletionTimestamp } = metadata;
  // What is taken away is taken away where it is.
  if (deletionTimestamp !== undefined) return { place: whereaboutsOf(status) };
  // Nobody has a host show for a name of somebody else that it is theirs.
  if (![spec.dnsName, `*.${spec.dnsName}`].some((name) => isOwnName(name, namespace, cache)))
    return { pending: { reason: 'NameNotOurs', message: `${spec.dnsName} is not claimed by ${namespace}.` } };
  if (spec.type === 'DNS-01') {
    const record = gatherRecord(challenge, cache, ancestorsOf);
    return 'pending' in record ? record : { place: {}, record };
  }
  const host = hostShowing(spec.dnsName, namespace, cache);
  if (host === undefined) return { pending: hostNotReady };
  return { place: { host } };
}

function hostShowing(dnsName: string, namespace: string, cache: Cache): string | undefined {
  if (namespace === SYSTEM_NAMESPACE) return panelHostOf(dnsName, cache);
  return cache.get(tenantKind, { name: namespace })?.status?.host;
}

const hostNotReady = { reason: 'HostNotReady', message: 'The tenant has no host yet.' } as const;

/** Of one that a web front shows, only who shows it: the agent there says the rest. */
function challengeStatus(
  challenge: Challenge,
  { inputs, outcome, probes }: StatusInput<ChallengeInputs, unknown>,
): StatusPatch<typeof challengeKind> {
  const place = toldPlace(challenge, inputs?.place ?? whereaboutsOf(challenge.status));
  if (place.host !== undefined) return { fields: place, conditions: [] };
  const said = 'message' in outcome ? outcome : (answerOf(inputs?.record, probes) ?? hostNotReady);
  const status = 'isSeen' in said && said.isSeen ? 'True' : 'False';
  return { fields: place, conditions: [{ type: 'Ready', status, reason: said.reason, message: said.message }] };
}
