import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { ClusterIssuer, clusterIssuerKind } from '#schemas/v1alpha1/cluster-issuer.ts';
import type { Issuer, issuerKind } from '#schemas/v1alpha1/issuer.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Outcome, type StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf, failureMessage } from './attempts.ts';
import type { ClusterParts, DriverOf } from './parts.ts';
import { issuerShareOf, useOf, type IssuerUse } from './issuer-use.ts';
import type { IssuerState, IssuerWork } from './issuers-driver.ts';
import { defined } from './whereabouts.ts';

type AnyIssuer = Issuer | ClusterIssuer;
type AnyIssuerKind = typeof issuerKind | typeof clusterIssuerKind;

export type IssuerDrivers<W> = { readonly issuers: DriverOf<IssuerState, W> };

/** An issuer is ready when its account is open, or its CA can sign. Deleting one leaves its account at the CA, and the Secret with the account's key. */
export function createIssuerController<W>(kind: AnyIssuerKind, name: string, { issuers }: ClusterParts<W>) {
  return defineController<AnyIssuerKind, W, IssuerDrivers<W>, IssuerWork>({
    name,
    kind,
    drivers: { issuers },
    shareOf: ({ kind: ofKind, metadata: { name, namespace } }) => issuerShareOf({ kind: ofKind, name }, namespace),
    watches: [{ kind: secretKind, keysOf: (secret, cache) => namedBy(kind, secret, cache) }],
    gather: (issuer, cache) => gatherIssuer(issuer as AnyIssuer, cache),
    desired: (issuer, work) => ({ issuers: issuer.metadata.deletionTimestamp === undefined ? work : undefined }),
    status: ({ status }, { inputs, observed, outcome }) =>
      issuerStatus(inputs, observed?.issuers ?? { caaNames: status?.acme?.caaIdentities }, outcome),
  });
}

function gatherIssuer(issuer: AnyIssuer, cache: Cache): IssuerWork {
  const use = useOf(issuer);
  const { namespace } = use;
  const versionOf = (name: string): string =>
    cache.get(secretKind, { namespace, name })?.metadata.resourceVersion ?? '';
  const request = issuer.metadata.annotations?.[ANNOTATIONS.requestedAt];
  return {
    issuer: use,
    secretVersions: secretNamesOf(issuer).map(versionOf),
    ...(request === undefined ? {} : { request }),
  };
}

/** The Secrets on which it hangs whether it works. The key of an account is made when it is missing. */
function secretNamesOf({ spec }: AnyIssuer): readonly string[] {
  const { ca, acme } = spec;
  const named = [ca?.secretRef, acme?.externalAccountBinding?.keySecretRef, acme?.privateKeySecretRef];
  return named.flatMap((each) => each?.name ?? []);
}

function namedBy(kind: AnyIssuerKind, { metadata }: KubeObject, cache: Cache): readonly ObjectKey[] {
  const { namespace = '', name } = metadata;
  const issuers: readonly AnyIssuer[] =
    kind.scope === 'Namespaced' ? cache.list(kind, namespace) : namespace === SYSTEM_NAMESPACE ? cache.list(kind) : [];
  return issuers
    .filter((issuer) => secretNamesOf(issuer).includes(name))
    .map((issuer) => ({ namespace: issuer.metadata.namespace, name: issuer.metadata.name }));
}

/** What was found of it, or what its status says as long as nobody has looked. */
type FoundOfIssuer = {
  readonly [F in 'accountUrl' | 'keyDigest' | 'caaNames']?: IssuerWork[F] | undefined;
};

function issuerStatus(
  inputs: IssuerWork | undefined,
  found: FoundOfIssuer,
  outcome: Outcome,
): StatusPatch<AnyIssuerKind> {
  const { issuer } = inputs ?? {};
  const acme = issuer?.spec.acme === undefined ? {} : { acme: accountOf(issuer, found) };
  return { fields: { ...acme, ...attemptsOf(outcome) }, conditions: [{ type: 'Ready', ...readyOf(outcome) }] };
}

function accountOf({ spec, accountUrl: lastUrl, keyDigest: lastDigest }: IssuerUse, found: FoundOfIssuer) {
  const { accountUrl = lastUrl, keyDigest = lastDigest, caaNames = [] } = found;
  return defined({
    uri: accountUrl,
    caaIdentities: caaNames.length === 0 ? undefined : [...caaNames],
    server: spec.acme?.server,
    email: spec.acme?.email,
    lastPrivateKeyHash: keyDigest,
  });
}

function readyOf(outcome: Outcome): {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
} {
  if (outcome.phase === 'synced') return { status: 'True', reason: 'Available', message: 'Certificates can be had.' };
  if (outcome.phase === 'failed') return { status: 'False', reason: outcome.reason, message: failureMessage(outcome) };
  const said = 'message' in outcome ? outcome : { reason: 'ApplyFailed', message: 'It is being looked at.' };
  return { status: 'False', reason: said.reason, message: said.message };
}
