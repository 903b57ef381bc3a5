import { randomBytes } from 'node:crypto';
import { rfc3339 } from '#runtime/base/clock.ts';
import { AcmeProblem, RefusedError } from '#runtime/base/errors.ts';
import type { AcmeAccount } from '#runtime/acme/account.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { issueForServer, issueSelfSigned } from '#runtime/pki/issue.ts';
import { factsOf, faultOf, type CertificateFacts } from '#runtime/pki/server-certificate.ts';
import { notOurs, readSecret, type SecretContent } from '#controllers/secret-store.ts';
import { tenantAddresses } from '#controllers/tenant-addresses.ts';
import { carryOn, type Awaited, type Ordered } from './acme-order.ts';
import type { Look } from './looking.ts';
import { markOf, type Need } from './need.ts';
import type { Issuance, Notes } from './notes.ts';
import { namesInVain } from './pre-checks.ts';
import { forgetNextKey, nextKey, putServing } from './secrets.ts';

/** Getting the next certificate. */
export interface Issuing extends Look {
  readonly need: Need;
  readonly notes: Notes;
  /** What is in the Secret now. */
  readonly present: SecretContent | undefined;
}

/** What was put in service, or what is waited for. */
export type Issued = { readonly secret: SecretContent; readonly facts: CertificateFacts } | Awaited;

const dayMs = 24 * 3_600_000;
const usualLifetimeMs = 90 * dayMs;

/** Takes the certificate that is on its way as far as it goes now. A chain that would not serve is never put in service. AcmeProblem, RefusedError. */
export async function issue(issuing: Issuing): Promise<Issued> {
  const { order, owner, clock, present, need } = issuing;
  // Before the CA is asked for what could not be put anywhere.
  if (present !== undefined && present.madeFor !== ownerId(owner)) throw notOurs(order.secretName);
  const issuance = await begin(issuing);
  const isKept = order.key.isKept && need !== 'Revoked';
  const key = await nextKey(issuing, { ...order, key: { ...order.key, isKept } });
  const ordered = await chainFor(issuing, issuance, key);
  if ('step' in ordered) return ordered;
  const pair = { certificate: ordered.chain, key };
  const facts = factsOf(pair.certificate);
  // As noted last: names that the CA refused may have been left out since.
  const dnsNames = namesOf(issuing.notes.issuance ?? issuance, issuing);
  const fault = faultOf(pair, { dnsNames, nowMs: clock.now() });
  if (facts === undefined || fault !== undefined)
    throw new AcmeProblem('malformedAnswer', `what the CA has issued cannot serve: ${fault ?? 'it is no certificate'}`);
  const secret = await putServing(issuing, { order, pair, present });
  return { secret, facts };
}

/**
 * What is on its way, as it is noted; a new one when there is none, or it was for another spec. That is noted when the CA is about to be asked, or when it has to
 * wait: a key that was made for it is found without.
 */
async function begin(issuing: Issuing): Promise<Issuance> {
  const { order, notes, need, clock } = issuing;
  const { issuance } = notes;
  const mark = markOf(order);
  // The key of one that was begun before may be the very one that is in wrong hands.
  const isTrusted = need !== 'Revoked' || issuance?.reason === 'Revoked';
  if (isTrusted && issuance?.id?.endsWith(`.${mark}`) === true) return issuance;
  if (!isTrusted) await forgetNextKey(issuing);
  return {
    // A mark of the spec, so that what was begun for another one is not carried on.
    id: `${randomBytes(4).toString('hex')}.${mark}`,
    startedAt: rfc3339(clock.now()),
    reason: need,
    generation: order.generation,
    dnsNames: order.dnsNames,
  };
}

async function noteBegun(notes: Notes, issuance: Issuance): Promise<void> {
  if (notes.issuance?.id !== issuance.id) await notes.write(issuance);
}

function namesOf(issuance: Issuance, { order }: Issuing): readonly string[] {
  return issuance.dnsNames ?? order.dnsNames;
}

async function chainFor(issuing: Issuing, issuance: Issuance, key: string): Promise<Ordered> {
  const { order, clock } = issuing;
  const { acme, ca } = order.issuer.spec;
  if (acme !== undefined) return await orderFrom(issuing, issuance, key);
  await noteBegun(issuing.notes, issuance);
  const wanted = {
    dnsNames: order.dnsNames,
    keyPem: key,
    lifetimeMs: order.lifetimeMs ?? usualLifetimeMs,
    nowMs: clock.now(),
  };
  if (ca === undefined) return { chain: await issueSelfSigned(wanted) };
  const { namespace } = order.issuer;
  const { values } = (await readSecret(issuing.client, { namespace, name: ca.secretRef.name }, issuing.signal)) ?? {};
  const { 'tls.crt': certificate, 'tls.key': authorityKey } = values ?? {};
  if (certificate === undefined || authorityKey === undefined)
    throw new RefusedError('SecretNotFound', `The Secret ${ca.secretRef.name} of the issuer is not there.`);
  return { chain: await issueForServer({ certificate, key: authorityKey }, wanted) };
}

async function orderFrom(issuing: Issuing, issuance: Issuance, key: string): Promise<Ordered> {
  const { accounts, client, order, notes } = issuing;
  const account = await accounts.of(order.issuer, client, issuing.cache);
  const held = await heldBack(issuing, issuance, account);
  if (held !== undefined) {
    await noteBegun(notes, issuance);
    return held;
  }
  const ordering = { ...issuing, account, key, replaces: renewalIdOf(issuing.present) };
  try {
    return await carryOn({ ...ordering, issuance });
  } catch (err) {
    if (!(err instanceof AcmeProblem)) throw err;
    const others = namesOf(issuance, issuing).filter((name) => !err.names.some(({ dnsName }) => dnsName === name));
    if (order.mayLackNames && err.names.length > 0 && others.length > 0) {
      const { orderURL: _, orderIntendedAt: __, ...begun } = notes.issuance ?? issuance;
      const reduced = { ...begun, dnsNames: others };
      await notes.write(reduced);
      return await carryOn({ ...ordering, issuance: reduced });
    }
    if (err.type === 'accountDoesNotExist') await openAnew(issuing, account);
    throw err;
  }
}

/** How its CA knows the certificate that serves now. */
function renewalIdOf(present: SecretContent | undefined): string | undefined {
  return factsOf(present?.values['tls.crt'] ?? '')?.renewalId;
}

/** Nothing is ordered that the CA would refuse. What is ordered already is carried on. */
async function heldBack(issuing: Issuing, issuance: Issuance, account: AcmeAccount): Promise<Awaited | undefined> {
  if (issuance.orderIntendedAt !== undefined) return undefined;
  const { order, owner, cache, clock, resolver } = issuing;
  const inVain = await namesInVain(namesOf(issuance, issuing), {
    resolver,
    solvers: order.issuer.spec.acme?.solvers ?? [],
    hostAddresses: tenantAddresses(owner.namespace, cache),
    caNames: await account.caaNames(),
  });
  const [first] = inVain;
  if (first === undefined) return pacedBy(issuing, issuance);
  const others = inVain.length === 1 ? '' : ` So it is with ${inVain.length - 1} other names.`;
  const waitedMs = clock.now() - Date.parse(issuance.startedAt ?? '');
  return { step: first.reason, message: `${first.message}${others}`, afterMs: nextCheckMs(waitedMs) };
}

function pacedBy(
  { pace, owner, order, need, clock, cache }: Issuing,
  { startedAt = '' }: Issuance,
): Awaited | undefined {
  const nowMs = clock.now();
  const paced = pace.ask({ owner, order, need, startedAt, nowMs }, cache);
  if (paced === undefined) return undefined;
  const message = `${paced.message} This one is to be made at ${rfc3339(paced.atMs)}.`;
  return { step: 'Paced', message, afterMs: paced.atMs - nowMs };
}

const soonestCheckMs = 500;
const latestCheckMs = 10 * 60_000;

/** What was declared a moment ago is there in a moment; what was not there for hours is not looked for each minute. */
function nextCheckMs(waitedMs: number): number {
  return Math.min(Math.max(waitedMs / 4, soonestCheckMs), latestCheckMs);
}

/** A CA that has forgotten the account: the next attempt finds one. */
async function openAnew({ order }: Issuing, account: AcmeAccount): Promise<void> {
  const { email } = order.issuer.spec.acme ?? {};
  await account.register(email === undefined ? [] : [`mailto:${email}`]);
}
