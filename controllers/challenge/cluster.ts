import { FINALIZERS } from '#schemas/meta/names.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Pending } from '#runtime/manager/controller.ts';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import { isOwnName } from '#controllers/own-names.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { whereaboutsOf, type Whereabouts } from '#controllers/whereabouts.ts';

/** What the leader knows about a Challenge. */
export interface ChallengeInputs {
  readonly place: Whereabouts;
}

/** Says which host shows what a CA wants to see: that of the tenant, for a name that is the tenant's. */
export function createChallengeClusterController<W>(_parts: ClusterParts<W>) {
  return defineController<typeof challengeKind, W, Readonly<Record<never, never>>, ChallengeInputs>({
    name: 'challenge.cluster',
    kind: challengeKind,
    finalizer: FINALIZERS.cluster,
    finalizerSetBy: 'loop',
    drivers: {},
    holdsFor: (challenge, cache) => {
      const inputs = gatherChallenge(challenge, cache);
      const host = 'place' in inputs ? inputs.place.host : undefined;
      return hostHolders(challenge, { isComing: host !== undefined });
    },
    watches: [
      {
        kind: tenantKind,
        keysOf: (tenant, cache) =>
          cache
            .list(challengeKind, tenant.metadata.name)
            .map(({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name })),
      },
    ],
    gather: (challenge, cache) => gatherChallenge(challenge, cache),
    desired: () => ({}),
    status: (challenge, { inputs, outcome }) => {
      const place = toldPlace(challenge, inputs?.place ?? whereaboutsOf(challenge.status));
      if (place.host !== undefined) return { fields: place, conditions: [] };
      const said = 'message' in outcome ? outcome : { reason: 'HostNotReady', message: 'The tenant has no host yet.' };
      return {
        fields: place,
        conditions: [{ type: 'Ready', status: 'False', reason: said.reason, message: said.message }],
      };
    },
  });
}

function gatherChallenge({ metadata, spec, status }: Challenge, cache: Cache): ChallengeInputs | Pending {
  const { namespace = '', deletionTimestamp } = metadata;
  // What is taken away is taken away where it is.
  if (deletionTimestamp !== undefined) return { place: whereaboutsOf(status) };
  // Nobody has a host show for a name of somebody else that it is theirs.
  if (![spec.dnsName, `*.${spec.dnsName}`].some((name) => isOwnName(name, namespace, cache)))
    return { pending: { reason: 'NameNotOurs', message: `${spec.dnsName} is not claimed by ${namespace}.` } };
  const { host } = cache.get(tenantKind, { name: namespace })?.status ?? {};
  if (host === undefined) return { pending: { reason: 'HostNotReady', message: 'The tenant has no host yet.' } };
  return { place: { host } };
}
