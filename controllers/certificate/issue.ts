import { randomBytes } from 'node:crypto';
import { rfc3339 } from '#runtime/base/clock.ts';
import { AcmeProblem, RefusedError, type RefusedName } from '#runtime/base/errors.ts';
import type { AcmeAccount } from '#runtime/acme/account.ts';
import { ownerId } from '#runtime/drivers/driver.ts';
import { issueForServer, issueSelfSigned } from '#runtime/pki/issue.ts';
import { factsOf, faultOf, type CertificateFacts } from '#runtime/pki/server-certificate.ts';
import { notOurs, readSecret, type SecretContent } from '#controllers/secret-store.ts';
import { tenantAddresses } from '#controllers/tenant-addresses.ts';
import { carryOn, type Awaited, type Ordered } from './acme-order.ts';
import { isNearEnd, mayLack, patienceMsFor, type Shortfall } from './coverage.ts';
import type { Look } from './looking.ts';
import type { Standing } from './model.ts';
import { markOf, type Need } from './need.ts';
import type { Issuance, Notes } from './notes.ts';
import { namesInVain, type NameInVain } from './pre-checks.ts';
import { forgetNextKey, nextKey, putServing } from './secrets.ts';

/** Getting the next certificate. */
export interface Issuing extends Look {
  readonly need: Need;
  readonly notes: Notes;
  /** What is in the Secret now. */
  readonly present: SecretContent | undefined;
  /** What is known of it. */
  readonly standing: Standing;
}

/** What was put in service, or what is waited for. */
export type Issued = ({ readonly secret: SecretContent; readonly facts: CertificateFacts } | Awaited) & Short;

interface Short {
  /** Names that stand in the way, or are left out, and why. */
  readonly names?: readonly RefusedName[];
}

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
  const { names = [] } = ordered;
  const pair = { certificate: ordered.chain, key };
  const facts = factsOf(pair.certificate);
  // As noted last: names that the CA refused may have been left out since.
  const dnsNames = namesOf(issuing.notes.issuance ?? issuance, issuing);
  const fault = faultOf(pair, { dnsNames, nowMs: clock.now() });
  if (facts === undefined || fault !== undefined)
    throw new AcmeProblem('malformedAnswer', `what the CA has issued cannot serve: ${fault ?? 'it is no certificate'}`);
  const secret = await putServing(issuing, { order, pair, present });
  return { secret, facts, names };
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
    ...(issuance?.refusedUntil === undefined ? {} : { refusedUntil: issuance.refusedUntil }),
  };
}

async function noteBegun(notes: Notes, issuance: Issuance): Promise<void> {
  if (notes.issuance?.id !== issuance.id) await notes.write(issuance);
}

function namesOf(issuance: Issuance, { order }: Issuing): readonly string[] {
  return issuance.dnsNames ?? order.dnsNames;
}

async function chainFor(issuing: Issuing, issuance: Issuance, key: string): Promise<Ordered & Short> {
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

async function orderFrom(issuing: Issuing, begun: Issuance, key: string): Promise<Ordered & Short> {
  const { accounts, client, order, notes } = issuing;
  const account = await accounts.of(order.issuer, client, issuing.cache);
  const next = await nextOrder(issuing, begun, account);
  if ('step' in next) {
    await noteBegun(notes, begun);
    return next;
  }
  const { issuance, ...short } = next;
  const onTaken = (): void => issuing.refusals.taken(order.issuer, issuing.clock.now());
  const ordering = { ...issuing, account, key, replaces: renewalIdOf(issuing.present), onTaken };
  try {
    return { ...(await carryOn({ ...ordering, issuance })), ...short };
  } catch (err) {
    if (!(err instanceof AcmeProblem)) throw err;
    const others = without(namesOf(issuance, issuing), err.names);
    const isEnough = err.names.length > 0 && mayLack(shortfall(issuing, others));
    if (isEnough) {
      const { orderURL: _, orderIntendedAt: __, ...again } = notes.issuance ?? issuance;
      const reduced = { ...again, dnsNames: others };
      await notes.write(reduced);
      return { ...(await carryOn({ ...ordering, issuance: reduced })), names: [...(short.names ?? []), ...err.names] };
    }
    if (err.type === 'accountDoesNotExist') await openAnew(issuing, account);
    throw err;
  }
}

/** How its CA knows the certificate that serves now. */
function renewalIdOf(present: SecretContent | undefined): string | undefined {
  return factsOf(present?.values['tls.crt'] ?? '')?.renewalId;
}

/** What is ordered now: nothing that the CA would refuse; or what is waited for. What is ordered already is carried on. */
async function nextOrder(
  issuing: Issuing,
  begun: Issuance,
  account: AcmeAccount,
): Promise<({ readonly issuance: Issuance } | Awaited) & Short> {
  const held = heldByCa(issuing, begun);
  if (held !== undefined) return held;
  const issuance = await knownOrder(issuing, begun, account);
  if (issuance.orderURL !== undefined) return { issuance };
  const { order, owner, cache, clock, resolver } = issuing;
  const inVain = await namesInVain(order.dnsNames, {
    resolver,
    solvers: order.issuer.spec.acme?.solvers ?? [],
    hostAddresses: tenantAddresses(owner.namespace, cache),
    caNames: await account.caaNames(),
  });
  const waitedMs = clock.now() - Date.parse(issuance.startedAt ?? '');
  const dnsNames = namesToAsk(issuing, inVain, waitedMs);
  const names = inVain.map(({ dnsName, message }) => ({ dnsName, message }));
  const short = names.length === 0 ? {} : { names };
  if (dnsNames === undefined) return { ...heldBy(inVain, waitedMs), ...short };
  return { ...(pacedBy(issuing, issuance) ?? { issuance: { ...issuance, dnsNames } }), ...short };
}

/** What died, or heard nothing, when it had noted that it would ask the CA looks whether that knows of an order: none is made twice. */
async function knownOrder({ order, notes }: Issuing, issuance: Issuance, account: AcmeAccount): Promise<Issuance> {
  if (issuance.orderURL !== undefined || issuance.orderIntendedAt === undefined) return issuance;
  const found = await account.findOrder(issuance.dnsNames ?? order.dnsNames);
  const { orderIntendedAt: _, ...unordered } = issuance;
  const known = found === undefined ? unordered : { ...issuance, orderURL: found.url };
  await notes.write(known);
  return known;
}

/** What the CA itself wants is not cut short by anybody. An order that it has taken is held by what it said of that one only. */
function heldByCa({ refusals, owner, order, clock, cache }: Issuing, issuance: Issuance): Awaited | undefined {
  const nowMs = clock.now();
  const own = issuance.refusedUntil === undefined ? 0 : Date.parse(issuance.refusedUntil);
  const others = issuance.orderURL === undefined ? refusals.heldUntil({ owner, order, nowMs }, cache) : undefined;
  const atMs = Math.max(own, others ?? 0);
  if (atMs <= nowMs) return undefined;
  const message = `The CA wants to be asked no more for now. This one is to be made at ${rfc3339(atMs)}.`;
  return { step: 'Paced', message, afterMs: atMs - nowMs };
}

/** `undefined`: names that would be refused are waited for. */
function namesToAsk(issuing: Issuing, inVain: readonly NameInVain[], waitedMs: number): readonly string[] | undefined {
  const { dnsNames } = issuing.order;
  if (inVain.length === 0) return dnsNames;
  const others = without(dnsNames, inVain);
  const short = shortfall(issuing, others);
  if (mayLack(short)) return waitedMs >= patienceMsFor(short) ? others : undefined;
  return isNearEnd(short.standing, short.nowMs) ? dnsNames : undefined;
}

function heldBy([first, ...others]: readonly NameInVain[], waitedMs: number): Awaited {
  const some = others.slice(0, 3).map(({ dnsName }) => dnsName);
  const rest = others.length > some.length ? ' and others' : '';
  const more = some.length === 0 ? '' : ` Nor is the CA asked for ${some.join(', ')}${rest}.`;
  const { reason: step = 'NameElsewhere', message = '' } = first ?? {};
  return { step, message: `${message}${more}`, afterMs: nextCheckMs(waitedMs) };
}

function shortfall({ order, need, standing, clock }: Issuing, others: readonly string[]): Shortfall {
  return { order, need, standing, others, nowMs: clock.now() };
}

function without(dnsNames: readonly string[], names: readonly { readonly dnsName: string }[]): readonly string[] {
  return dnsNames.filter((name) => !names.some(({ dnsName }) => dnsName === name));
}

function pacedBy(
  { pace, owner, order, need, clock, cache }: Issuing,
  { startedAt = '' }: Issuance,
): Awaited | undefined {
  const nowMs = clock.now();
  // To a CA a certificate for more names than before is a new one.
  const paced = pace.ask({ owner, order, need: need === 'Lacking' ? 'SpecChanged' : need, startedAt, nowMs }, cache);
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
