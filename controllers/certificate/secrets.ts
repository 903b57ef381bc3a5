import { apiVersionOf } from '#schemas/meta/kind.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { shortName } from '#schemas/meta/name-hash.ts';
import type { OwnerReference } from '#schemas/meta/object.ts';
import { certificateKind } from '#schemas/v1alpha1/certificate.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { kindOfKey, newKeyOf } from '#runtime/pki/crypto-keys.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import { factsOf, faultOf, type CertificateFacts } from '#runtime/pki/server-certificate.ts';
import { deleteSecret, readSecret, writeSecret, type SecretContent } from '#controllers/secret-store.ts';
import type { CertificateOrder, Seen, Standing } from './model.ts';
import { markOf } from './need.ts';

const fieldManager = 'wcp360-certificates';

/** What is in the Secret of a Certificate. */
export interface Serving {
  readonly secret: SecretContent | undefined;
  readonly facts: CertificateFacts | undefined;
  /** Why it cannot serve the names of which it is said to be for. */
  readonly fault: string | undefined;
}

/** `undefined` for what is not good. */
export function seenIn({ secret, facts, fault }: Serving, dnsNames: readonly string[]): Seen | undefined {
  const isGood = secret !== undefined && facts !== undefined && fault === undefined;
  return isGood ? { version: secret.resourceVersion, dnsNames: dnsNames.join(), facts } : undefined;
}

interface Where {
  readonly client: Client;
  readonly owner: Owner;
  readonly signal: AbortSignal;
}

export async function readServing(
  { client, owner, signal }: Where,
  {
    secretName,
    secretNames,
    nowMs,
    seen,
  }: {
    readonly secretName: string;
    readonly secretNames: readonly string[];
    readonly nowMs: number;
    readonly seen: Seen | undefined;
  },
): Promise<Serving> {
  const secret = await readSecret(client, { namespace: owner.namespace, name: secretName }, signal);
  const isSeen = seen?.version === secret?.resourceVersion && seen?.dnsNames === secretNames.join();
  if (isSeen && nowMs < seen.facts.notAfter) return { secret, facts: seen.facts, fault: undefined };
  const pair = pairOf(secret);
  return {
    secret,
    facts: factsOf(pair.certificate),
    fault: secret === undefined ? undefined : faultOf(pair, { dnsNames: secretNames, nowMs }),
  };
}

/**
 * What the facts of a certificate look like in a status. For what it was got stands on the Secret itself: whoever dies between writing that and the status must
 * not get a second one. The times of renewal are those of this certificate only.
 */
export function standingIn(
  { notes, resourceVersion }: SecretContent,
  facts: CertificateFacts,
  before: Standing,
): Standing {
  const { [ANNOTATIONS.issuedFor]: issuedFor, [ANNOTATIONS.renew]: renewedFor } = notes;
  const { renewalTime, renewalCheckTime } = before.serialNumber === facts.serialNumber ? before : {};
  return {
    dnsNames: facts.dnsNames,
    serialNumber: facts.serialNumber,
    publicKeyDigest: facts.publicKeyDigest,
    notBefore: rfc3339(facts.notBefore),
    notAfter: rfc3339(facts.notAfter),
    secretVersion: resourceVersion,
    ...(issuedFor === undefined ? {} : { issuedFor }),
    ...(renewedFor === undefined ? {} : { renewedFor }),
    ...(renewalTime === undefined ? {} : { renewalTime }),
    ...(renewalCheckTime === undefined ? {} : { renewalCheckTime }),
  };
}

/** The key for the next certificate: stored before anybody hears of it, so that whatever dies finds it again. The present one when it is to be kept. */
export async function nextKey(
  { client, owner, signal }: Where,
  { key, secretName }: CertificateOrder,
): Promise<string> {
  const place = { namespace: owner.namespace, name: nextKeyName(owner) };
  const there = await readSecret(client, place, signal);
  const found = there?.values['tls.key'];
  if (found !== undefined && isOfKind(found, key)) return found;
  const present = key.isKept
    ? (await readSecret(client, { namespace: owner.namespace, name: secretName }, signal))?.values['tls.key']
    : undefined;
  const made = present !== undefined && isOfKind(present, key) ? present : await newKeyOf(key, signal);
  const order = {
    key: place,
    type: 'Opaque',
    fieldManager,
    values: { 'tls.key': made },
    before: { there },
    ...madeFor(owner),
  } as const;
  await writeSecret(client, order, signal);
  return made;
}

/** Puts a certificate in service, in place of what is present there. */
export async function putServing(
  { client, owner, signal }: Where,
  {
    order,
    pair,
    present,
  }: { readonly order: CertificateOrder; readonly pair: PemPair; readonly present: SecretContent | undefined },
): Promise<SecretContent> {
  const values = { 'tls.crt': pair.certificate, 'tls.key': pair.key };
  const key = { namespace: owner.namespace, name: order.secretName };
  const notes = {
    [ANNOTATIONS.issuedFor]: markOf(order),
    ...(order.renewal === undefined ? {} : { [ANNOTATIONS.renew]: order.renewal }),
  };
  const before = { there: present };
  const wanted = { key, type: 'kubernetes.io/tls', fieldManager, values, notes, before, ...madeFor(owner) } as const;
  return await writeSecret(client, wanted, signal);
}

/** Once the certificate that it is for serves. */
export async function forgetNextKey({ client, owner, signal }: Where): Promise<void> {
  const key = { namespace: owner.namespace, name: nextKeyName(owner) };
  await deleteSecret(client, { key, madeFor: ownerId(owner) }, signal);
}

function nextKeyName({ name }: Owner): string {
  return `${shortName(name, mostName)}-next-key`;
}

/** With what is put after it no name is too long. */
const mostName = 240;

function pairOf(secret: SecretContent | undefined): PemPair {
  return { certificate: secret?.values['tls.crt'] ?? '', key: secret?.values['tls.key'] ?? '' };
}

function isOfKind(pem: string, wanted: CertificateOrder['key']): boolean {
  const kind = kindOfKey(pem);
  return kind?.algorithm === wanted.algorithm && kind.size === wanted.size;
}

function madeFor(owner: Owner): { readonly madeFor: string; readonly owner: OwnerReference } {
  const { name, uid } = owner;
  return {
    madeFor: ownerId(owner),
    owner: { apiVersion: apiVersionOf(certificateKind), kind: certificateKind.kind, name, uid, controller: true },
  };
}
