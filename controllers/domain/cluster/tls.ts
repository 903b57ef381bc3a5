import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import { shortName } from '#schemas/meta/name-hash.ts';
import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { NameState } from '#controllers/claimed-name.ts';
import { defaultIssuer, type IssuerReference } from '#controllers/issuer-use.ts';
import { certifiedNames, type Surroundings } from './certified-names.ts';

/** How a Domain comes to its certificate; plain data. */
export interface TlsInputs {
  /** The Secret with the certificate. */
  readonly secretName: string;
  /** The Certificate that the Domain makes; absent where a person brought the Secret, or wrote the Certificate. */
  readonly order?: {
    readonly issuerRef: IssuerReference;
    readonly dnsNames: readonly string[];
    readonly reducedCoverage: Domain['spec']['tls']['reducedCoverage'];
    /** Present where the key is pinned. */
    readonly privateKey?: { readonly rotationPolicy: 'Never' };
  };
  /** Of the key that it has. */
  readonly publicKeyDigest?: string;
  /** What the certificate that there is says. */
  readonly standing?: { readonly dnsNames: readonly string[]; readonly serialNumber?: string };
  readonly ready: Pick<ConditionStatement, 'status' | 'reason' | 'message'>;
}

/** With what is put after it no name is too long. */
const mostName = 240;

/**
 * `undefined`: the Domain is served by plain HTTP only, because it says so, or since there is no issuer and never was one. A Certificate that it has made stays
 * as long as it says no other thing: one that is deleted takes its Secret along, and a CA makes only so many again.
 */
export function gatherTls(domain: Domain, names: readonly NameState[], around: Surroundings): TlsInputs | undefined {
  const { namespace = '', name } = domain.metadata;
  const { cache } = around;
  const { mode, secretRef } = domain.spec.tls;
  if (mode === 'Off') return undefined;
  if (secretRef !== undefined) return ownSecret(secretRef.name, { namespace, boundNames: boundIn(names), cache });
  const present = cache.get(certificateKind, { namespace, name });
  if (present !== undefined && !isMadeFor(domain, present)) return ofCertificate(present);
  return orderedTls(domain, names, { present, around });
}

function boundIn(names: readonly NameState[]): readonly string[] {
  return names.filter(({ state }) => state === 'Bound').map(({ hostname }) => hostname);
}

function orderedTls(
  domain: Domain,
  names: readonly NameState[],
  { present, around }: { readonly present: Certificate | undefined; readonly around: Surroundings },
): TlsInputs | undefined {
  const { namespace = '', name } = domain.metadata;
  const { reducedCoverage, issuerRef: own } = domain.spec.tls;
  const named = own ?? defaultIssuer(around.cache);
  const issuerRef = named ?? present?.spec.issuerRef;
  if (issuerRef === undefined) return undefined;
  const dnsNames = certifiedNames(names, { namespace, issuerRef, present, around });
  const told = ownCertificate(name, present, dnsNames);
  const leftOut = boundIn(names).filter((hostname) => !dnsNames.includes(hostname));
  const order = dnsNames.length === 0 ? {} : { order: { issuerRef, dnsNames, reducedCoverage, ...pinnedKey(domain) } };
  const ready = withIssuerGone(withLeftOut(told.ready, leftOut), named === undefined ? issuerRef : undefined);
  return { ...told, ready, ...order };
}

/** What records pin has to stay: they are remembered longer than a key would last. */
function pinnedKey({ spec }: Domain): Pick<NonNullable<TlsInputs['order']>, 'privateKey'> {
  return spec.dns.tlsa === 'Key' ? { privateKey: { rotationPolicy: 'Never' } } : {};
}

function withLeftOut(ready: TlsInputs['ready'], names: readonly string[]): TlsInputs['ready'] {
  if (names.length === 0) return ready;
  const why = 'the issuer has no way to show that it is ours; for a wildcard that is dns01, and a Zone of the tenant';
  return { ...ready, message: `${ready.message} Not for ${names.slice(0, 3).join(', ')}: ${why}.` };
}

function withIssuerGone(ready: TlsInputs['ready'], last: IssuerReference | undefined): TlsInputs['ready'] {
  if (last === undefined) return ready;
  return { ...ready, message: `${ready.message} No ClusterIssuer is the default one: it stays with ${last.name}.` };
}

/** The Certificate that the Domain makes, as far as it is there and for these names. */
function ownCertificate(name: string, certificate: Certificate | undefined, dnsNames: readonly string[]): TlsInputs {
  if (certificate === undefined) return { secretName: `${shortName(name, mostName)}-tls`, ready: ordered };
  const told = ofCertificate(certificate);
  return isEqual(certificate.spec.dnsNames.toSorted(), dnsNames) ? told : { ...told, ready: ordered };
}

const ordered = { status: 'False', reason: 'Issuing', message: 'The certificate is being ordered.' } as const;

function ownSecret(
  secretName: string,
  {
    namespace,
    boundNames,
    cache,
  }: { readonly namespace: string; readonly boundNames: readonly string[]; readonly cache: Cache },
): TlsInputs {
  if (cache.get(secretKind, { namespace, name: secretName }) === undefined) {
    const message = `There is no Secret ${secretName} with the certificate.`;
    return { secretName, ready: { status: 'False', reason: 'SecretNotFound', message } };
  }
  const message = `The certificate is that of Secret ${secretName}.`;
  return { secretName, standing: { dnsNames: boundNames }, ready: { status: 'True', reason: 'Issued', message } };
}

/** A Certificate that a person has written under the Domain's name is taken as it is. */
function isMadeFor({ metadata }: Domain, certificate: Certificate): boolean {
  const owner = certificate.metadata.annotations?.[ANNOTATIONS.owner];
  return owner === `Domain/${metadata.namespace ?? ''}/${metadata.name}`;
}

/** What was said of an older spec says nothing of the names of this one. */
function ofCertificate({ metadata, spec, status }: Certificate): TlsInputs {
  const isOld = status?.observedGeneration !== metadata.generation;
  const ready = isOld ? undefined : findCondition(status?.conditions, 'Ready');
  const { dnsNames, serialNumber, publicKeyDigest } = status ?? {};
  return {
    secretName: spec.secretName,
    ...(publicKeyDigest === undefined ? {} : { publicKeyDigest }),
    ...(dnsNames === undefined || serialNumber === undefined ? {} : { standing: { dnsNames, serialNumber } }),
    ready: ready === undefined ? ordered : asIssued(ready),
  };
}

/** Whether it is shown, too, each Domain sees for itself. */
function asIssued({ status, reason, message }: TlsInputs['ready']): TlsInputs['ready'] {
  return reason === NOT_SERVED ? { status: 'True', reason: 'Issued', message } : { status, reason, message };
}

/** Reason of a Certificate that is there, while a Domain still shows another one. */
const NOT_SERVED = 'NotServed';
