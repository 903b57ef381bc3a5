import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { retainedDataOf } from '#controllers/kept-data.ts';
import { ownedMetadata, secretRights } from '#controllers/secret-rights.ts';
import type { DomainClusterInputs } from './inputs.ts';

/** Names to claim → their tenant. A name that is refused is not held: whoever may have it must find it free. */
export function desiredClaims(inputs: DomainClusterInputs): ReadonlyMap<string, string> {
  return new Map(inputs.names.filter((name) => name.state !== 'Refused').map((name) => [name.hostname, inputs.tenant]));
}

/** Lets the agent of the tenant's host, and of the one that it moves to, read the very Secrets that the Domain refers to, and no others. */
export function desiredRights(domain: Domain, inputs: DomainClusterInputs): readonly KubeObject[] {
  const { host, nextHost, moving } = inputs.place;
  const readers = [host, moving === undefined ? undefined : nextHost].filter((name) => name !== undefined);
  return secretRights(domainKind, domain, {
    name: `wcp360-domain-${domain.metadata.name}`,
    readers,
    secrets: inputs.secrets.map(({ name }) => name),
  });
}

/** The Certificate of a Domain that has none of its own. */
export function desiredCertificate(domain: Domain, { tls }: DomainClusterInputs): readonly KubeObject[] {
  if (tls?.order === undefined) return [];
  const { name } = domain.metadata;
  return [
    {
      apiVersion: apiVersionOf(certificateKind),
      kind: certificateKind.kind,
      metadata: { ...ownedMetadata(domainKind, domain), name },
      spec: { ...tls.order, secretName: tls.secretName },
    },
  ];
}

/** What tells of the files that a Domain leaves on hosts, once the agents there may look after it. */
export function desiredKept(domain: Domain, { keepings }: DomainClusterInputs): readonly KubeObject[] {
  return keepings.filter(({ isGranted }) => isGranted).map((keeping) => retainedDataOf(domain, keeping));
}
