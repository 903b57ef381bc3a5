import { secretKind } from '#schemas/meta/builtin.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';
import { isReady, issuerOf, useOf, type IssuerUse } from '#controllers/issuer-use.ts';
import { isOwnName } from '#controllers/own-names.ts';
import { candidatesFor, type Candidate } from './consumers.ts';
import { challengesOf } from './challenges.ts';
import type { CertificateOrder } from './model.ts';
import { isSettled } from './need.ts';
import type { CertificateReason } from './reasons.ts';
import { revocationIn } from './revocation.ts';

/** What the leader knows about a Certificate; plain data. */
export interface CertificateInputs {
  readonly order: CertificateOrder;
  readonly isSettled: boolean;
  readonly nowMs: number;
  readonly candidates: readonly Candidate[];
}

/** Reads the issuer, whose the names are, and what of the Challenges is to be seen. */
export function gatherCertificate(certificate: Certificate, cache: Cache, nowMs: number): CertificateInputs | Pending {
  const { namespace = '' } = certificate.metadata;
  const { issuerRef, dnsNames } = certificate.spec;
  const issuer = issuerOf(issuerRef, namespace, cache);
  if (issuer === undefined) return pending('IssuerNotFound', `There is no ${issuerRef.kind} ${issuerRef.name}.`);
  if (!isReady(issuer)) return pending('IssuerNotReady', `${issuerRef.kind} ${issuerRef.name} is not ready.`);
  const foreign = dnsNames.find((name) => !isOwnName(name, namespace, cache));
  if (foreign !== undefined)
    return pending(
      'NameNotOurs',
      `${foreign} is not claimed by ${namespace}: a Domain of the tenant has to have that name first.`,
    );
  const order = orderOf(certificate, useOf(issuer), cache);
  const candidates = candidatesFor(`${namespace}/${order.secretName}`, cache);
  return { order, isSettled: isSettled(certificate, order, nowMs), nowMs, candidates };
}

function pending(reason: CertificateReason, message: string): Pending {
  return { pending: { reason, message } };
}

const usualSizes = { ECDSA: 256, RSA: 2048 } as const;

function orderOf({ metadata, spec }: Certificate, issuer: IssuerUse, cache: Cache): CertificateOrder {
  const { namespace = '', name, annotations = {} } = metadata;
  const { algorithm, size = usualSizes[algorithm], rotationPolicy } = spec.privateKey;
  const [request, renewal] = [annotations[ANNOTATIONS.requestedAt], annotations[ANNOTATIONS.renew]];
  const revocation = revocationIn(annotations[ANNOTATIONS.revoke]);
  const presented = challengesOf({ namespace, name }, cache).filter(({ status }) =>
    isTrue(status?.conditions, 'Ready'),
  );
  const secret = cache.get(secretKind, { namespace, name: spec.secretName });
  return {
    generation: metadata.generation ?? 0,
    dnsNames: spec.dnsNames.toSorted(),
    secretName: spec.secretName,
    key: { algorithm, size, isKept: rotationPolicy === 'Never' },
    ...timeIn(spec.duration, 'lifetimeMs'),
    ...timeIn(spec.renewBefore, 'renewBeforeMs'),
    mayLackNames: spec.reducedCoverage === 'Allow',
    issuer,
    presented: presented.map(({ metadata: { name: challenge } }) => challenge),
    secretVersion: secret?.metadata.resourceVersion ?? '',
    ...(request === undefined ? {} : { request }),
    ...(renewal === undefined ? {} : { renewal }),
    ...(revocation === undefined ? {} : { revocation }),
  };
}

function timeIn<K extends string>(text: string | undefined, field: K): { readonly [F in K]?: number } {
  const ms = text === undefined ? undefined : parseDurationMs(text);
  return (ms === undefined ? {} : { [field]: ms }) as { readonly [F in K]?: number };
}
