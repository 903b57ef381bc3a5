import { isTrue } from '#schemas/meta/conditions.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { clusterIssuerKind, type ClusterIssuer } from '#schemas/v1alpha1/cluster-issuer.ts';
import { issuerKind, type Issuer } from '#schemas/v1alpha1/issuer.ts';
import type { Share } from '#runtime/base/shares.ts';
import type { Cache } from '#runtime/manager/cache.ts';

type Spec = Pick<Issuer['spec'], 'acme' | 'ca' | 'selfSigned'>;

/** An issuer as those use it who want a certificate of it. Plain data. */
export interface IssuerUse {
  readonly kind: 'Issuer' | 'ClusterIssuer';
  readonly name: string;
  /** Where its Secrets are. */
  readonly namespace: string;
  readonly spec: Spec;
  /** URL of its account at the CA, once there is one. */
  readonly accountUrl?: string;
  /** Of the key by which the CA knows it. */
  readonly keyDigest?: string;
}

export interface IssuerReference {
  readonly kind: 'Issuer' | 'ClusterIssuer';
  readonly name: string;
}

/** The issuer that is meant in a namespace; `undefined` when it is not there. */
export function issuerOf(
  reference: IssuerReference,
  namespace: string,
  cache: Cache,
): Issuer | ClusterIssuer | undefined {
  return reference.kind === 'Issuer'
    ? cache.get(issuerKind, { namespace, name: reference.name })
    : cache.get(clusterIssuerKind, { name: reference.name });
}

/** The one ClusterIssuer for Domains that name no other: of several, the first by name. */
export function defaultIssuer(cache: Cache): IssuerReference | undefined {
  const [first] = cache.list(clusterIssuerKind).filter(({ spec }) => spec.isDefault);
  return first && { kind: 'ClusterIssuer', name: first.metadata.name };
}

export function useOf(issuer: Issuer | ClusterIssuer): IssuerUse {
  const { acme, ca, selfSigned } = issuer.spec;
  const { uri, lastPrivateKeyHash } = issuer.status?.acme ?? {};
  return {
    kind: issuer.kind,
    name: issuer.metadata.name,
    namespace: issuer.metadata.namespace ?? SYSTEM_NAMESPACE,
    spec: {
      ...(acme === undefined ? {} : { acme }),
      ...(ca === undefined ? {} : { ca }),
      ...(selfSigned === undefined ? {} : { selfSigned }),
    },
    ...(uri === undefined ? {} : { accountUrl: uri }),
    ...(lastPrivateKeyHash === undefined ? {} : { keyDigest: lastPrivateKeyHash }),
  };
}

/** Whoever asks the same CA may wait for it together. All of a tenant's own count as one, since it may have any number of issuers that answer nobody. */
export function issuerShareOf({ kind, name }: IssuerReference, namespace = ''): Share {
  return kind === 'Issuer' ? { of: `tenant ${namespace}`, atOnce: 2 } : { of: `issuer ${name}`, atOnce: 16 };
}

export function isReady(issuer: Issuer | ClusterIssuer): boolean {
  const { metadata, status } = issuer;
  return isTrue(status?.conditions, 'Ready') && status?.observedGeneration === metadata.generation;
}
