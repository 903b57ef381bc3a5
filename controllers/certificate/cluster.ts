import { secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import { clusterIssuerKind } from '#schemas/v1alpha1/cluster-issuer.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind, type HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { issuerKind } from '#schemas/v1alpha1/issuer.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { defineController, type Watch } from '#runtime/manager/controller.ts';
import { issuerShareOf } from '#controllers/issuer-use.ts';
import { hostsByPanel, panelNamesOf } from '#controllers/panel-names.ts';
import type { ClusterParts, DriverOf } from '#controllers/parts.ts';
import { BY_SERVED_SECRET, servedSecretsOf } from './consumers.ts';
import { challengeIndex } from './challenges.ts';
import { gatherCertificate, type CertificateInputs } from './gather.ts';
import type { CertificateState } from './model.ts';
import { dueAt } from './need.ts';
import { issuerIn } from './order-indexes.ts';
import { certificateStatus } from './status.ts';

export type CertificateDrivers<W> = { readonly certificates: DriverOf<CertificateState, W> };

const BY_NAME = 'dnsName';
const BY_ISSUER = 'issuer';
const BY_SECRET = 'secret';
/** Looks wait for a CA most of their time, and one that does not answer holds up each of them for minutes: no issuer gets all of them. */
const concurrency = 24;

/** Gets a certificate, puts it into its Secret, and renews it. The Secret goes with the Certificate. */
export function createCertificateClusterController<W>({ certificates, now }: ClusterParts<W>) {
  return defineController<typeof certificateKind, W, CertificateDrivers<W>, CertificateInputs>({
    name: 'certificate.cluster',
    kind: certificateKind,
    drivers: { certificates },
    concurrency,
    shareOf: ({ metadata, spec }) => issuerShareOf(spec.issuerRef, metadata.namespace),
    watches,
    indexes: [
      challengeIndex,
      hostsByPanel,
      { kind: certificateKind, index: { name: BY_NAME, valuesOf: (object) => (object as Certificate).spec.dnsNames } },
      { kind: certificateKind, index: { name: BY_ISSUER, valuesOf: (object) => [issuerIn(object as Certificate)] } },
      { kind: domainKind, index: { name: BY_SERVED_SECRET, valuesOf: (object) => servedSecretsOf(object as Domain) } },
      { kind: certificateKind, index: { name: BY_SECRET, valuesOf: (object) => [secretKeyOf(object as Certificate)] } },
    ],
    gather: (certificate, cache) => gatherCertificate(certificate, cache, now()),
    desired: ({ metadata }, { order, isSettled, nowMs }) => ({
      certificates: metadata.deletionTimestamp === undefined ? { order, isSettled, atMs: nowMs } : undefined,
    }),
    status: certificateStatus,
    due: dueAt,
  });
}

const watches: readonly Watch[] = [
  {
    kind: issuerKind,
    keysOf: ({ metadata }, cache) =>
      keysOf(cache.byIndex(certificateKind, BY_ISSUER, `Issuer/${metadata.namespace ?? ''}/${metadata.name}`)),
  },
  {
    kind: clusterIssuerKind,
    keysOf: ({ metadata }, cache) =>
      keysOf(cache.byIndex(certificateKind, BY_ISSUER, `ClusterIssuer//${metadata.name}`)),
  },
  {
    kind: challengeKind,
    keysOf: (challenge) => [
      { namespace: challenge.metadata.namespace, name: (challenge as Challenge).spec.certificateRef.name },
    ],
  },
  {
    kind: hostnameClaimKind,
    keysOf: (claim, cache) => keysOf(cache.byIndex(certificateKind, BY_NAME, (claim as HostnameClaim).spec.hostname)),
  },
  {
    kind: hostKind,
    keysOf: (host, cache) =>
      panelNamesOf(host as Host).flatMap((name) => keysOf(cache.byIndex(certificateKind, BY_NAME, name))),
  },
  {
    kind: domainKind,
    keysOf: (domain, cache) =>
      servedSecretsOf(domain as Domain).flatMap((secret) => keysOf(cache.byIndex(certificateKind, BY_SECRET, secret))),
  },
  {
    kind: secretKind,
    keysOf: ({ metadata }, cache) =>
      keysOf(cache.byIndex(certificateKind, BY_SECRET, `${metadata.namespace ?? ''}/${metadata.name}`)),
  },
];

function secretKeyOf({ metadata, spec }: Certificate): string {
  return `${metadata.namespace ?? ''}/${spec.secretName}`;
}

function keysOf(objects: readonly KubeObject[]): readonly ObjectKey[] {
  return objects.map(({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name }));
}
