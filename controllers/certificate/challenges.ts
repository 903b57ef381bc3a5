import { apiVersionOf } from '#schemas/meta/kind.ts';
import { FINALIZERS, LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import { nameHash, shortName } from '#schemas/meta/name-hash.ts';
import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';

const challengeType = resourceTypeOf(challengeKind);
const fieldManager = 'wcp360-certificates';

/** What is to be seen for one name. */
export interface Showing {
  readonly type: Challenge['spec']['type'];
  readonly dnsName: string;
  readonly token: string;
  /** What is to be seen there. */
  readonly key: string;
}

const BY_CERTIFICATE = 'certificate';

/** How the Challenges of one Certificate are found among those of thousands. */
export const challengeIndex = {
  kind: challengeKind,
  index: {
    name: BY_CERTIFICATE,
    valuesOf: (object) => [certificateText(object.metadata.namespace, (object as Challenge).spec.certificateRef.name)],
  } satisfies CacheIndex,
} as const;

function certificateText(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Challenges of a Certificate, as far as the cache knows. */
export function challengesOf(
  { namespace, name }: Pick<Owner, 'namespace' | 'name'>,
  cache: Cache,
): readonly Challenge[] {
  return cache.byIndex(challengeKind, BY_CERTIFICATE, certificateText(namespace, name));
}

/** The name of the Challenge for what is to be shown. */
export function challengeNameOf({ name }: Owner, { dnsName, token, type }: Showing): string {
  return `${shortName(name, mostName)}-${nameHash(`${type}/${dnsName}/${token}`).toString(36)}`;
}

/** With what is put after it no name is too long. */
const mostName = 230;

/** Has these shown and, of the same Certificate, no others. True when one of them was not shown before. */
export async function putChallenges(
  showings: readonly Showing[],
  {
    client,
    owner,
    cache,
    signal,
  }: { readonly client: Client; readonly owner: Owner; readonly cache: Cache; readonly signal: AbortSignal },
): Promise<boolean> {
  const there = new Map(challengesOf(owner, cache).map((challenge) => [challenge.metadata.name, challenge]));
  const wanted = new Map(showings.map((showing) => [challengeNameOf(owner, showing), showing]));
  const missing = [...wanted].filter(([name]) => !there.has(name));
  const surplus = [...there.keys()].filter((name) => !wanted.has(name));
  await Promise.all([
    ...missing.map(async ([name, showing]) => {
      await client.apply(challengeType, challengeFor(owner, name, showing), { fieldManager, force: true, signal });
    }),
    ...surplus.map(async (name) => {
      await client.delete(challengeType, { namespace: owner.namespace, name }, { signal });
    }),
  ]);
  return missing.length > 0;
}

function challengeFor(owner: Owner, name: string, showing: Showing): Challenge {
  const certificate = { name: owner.name };
  return {
    apiVersion: apiVersionOf(challengeKind),
    kind: challengeKind.kind,
    metadata: {
      namespace: owner.namespace,
      name,
      // A host will show it, and is to take it away: that it is held is not a write of its own.
      ...(showing.type === 'DNS-01' ? {} : { finalizers: [FINALIZERS.host] }),
      labels: { [LABELS.tenant]: owner.namespace, [LABELS.managedBy]: MANAGED_BY },
      ownerReferences: [
        {
          apiVersion: apiVersionOf(certificateKind),
          kind: certificateKind.kind,
          ...certificate,
          uid: owner.uid,
          controller: true,
        },
      ],
    },
    spec: { ...showing, certificateRef: certificate },
  };
}
