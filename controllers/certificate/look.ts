import { rfc3339 } from '#runtime/base/clock.ts';
import { AcmeProblem, type RefusedName } from '#runtime/base/errors.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import { failureMessage } from '#controllers/attempts.ts';
import type { SecretContent } from '#controllers/secret-store.ts';
import { putChallenges } from './challenges.ts';
import { afterFailure, isPassing, reasonOf, secondAfter, withoutPause } from './failing.ts';
import { issue } from './issue.ts';
import type { Look } from './looking.ts';
import {
  failuresOf,
  lackingIn,
  standingOf,
  type CertificateReport,
  type CertificateWork,
  type Failures,
  type Standing,
} from './model.ts';
import { isWaiting, needOf, type Need } from './need.ts';
import { openNotes, type Notes } from './notes.ts';
import type { CertificateReason } from './reasons.ts';
import { revokePresent } from './revoke.ts';
import { readyOf } from './status.ts';
import { withRenewal } from './renewal-check.ts';
import { forgetNextKey, readServing, seenIn, standingIn, type Serving } from './secrets.ts';

/** What is known when it is decided what to do. */
interface Known {
  readonly certificate: Certificate;
  readonly present: SecretContent | undefined;
  readonly notes: Notes;
  readonly standing: Standing;
  readonly failures: Failures;
  readonly fault: string | undefined;
}

/**
 * Looks at the certificate that there is, and gets the next one as far as that goes now. What is noted in the status, the Secrets and the order at the CA say all
 * that is needed to go on: nothing hangs on this process. Errors: those of the API server; what a CA says is in the report.
 */
export async function lookAt(look: Look): Promise<CertificateWork> {
  const { owner, order, client, clock, signal } = look;
  const opened = await openNotes(client, owner, signal);
  if (opened === undefined) return { order, isSettled: true, atMs: Number.POSITIVE_INFINITY };
  const before = standingOf(opened.certificate.status);
  const { secretName } = order;
  const secretNames = before.dnsNames ?? [];
  const serving = await readServing(look, { secretName, secretNames, nowMs: clock.now(), seen: look.last?.seen });
  const isSameSpec = generationBefore(look, opened.certificate) === order.generation;
  const standing = await withRenewal(standingNow(serving, before), { ...look, facts: serving.facts, isSameSpec });
  const failures = look.last?.report?.failures ?? failuresOf(opened.certificate.status);
  const known = { ...opened, standing, failures, present: serving.secret, fault: serving.fault };
  return { ...(await goOn(look, known)), seen: seenIn(serving, secretNames) };
}

/** What is needed now, if anything is. */
async function goOn(look: Look, known: Known): Promise<CertificateWork> {
  const { order, clock } = look;
  const { standing, failures, fault } = known;
  const need = needOf(order, { standing, fault, nowMs: clock.now() });
  if (need === undefined) return await settled(look, known);
  const isUrgent = isNew(look, known) || (need === 'Revoked' && !isRevoked(known));
  if (isWaiting(failures, clock.now()) && !isUrgent) return waiting(look, known, need);
  return await getNext(look, known, need);
}

/** Whether somebody asks for a look, or wants something else than what failed. */
function isNew(look: Look, { certificate }: Known): boolean {
  const { order, last } = look;
  const answered = last === undefined ? certificate.status?.lastHandledRequestAt : last.order.request;
  return order.request !== answered || order.generation !== generationBefore(look, certificate);
}

/** For which the last look was. */
function generationBefore({ last }: Look, { status }: Certificate): number | undefined {
  return last === undefined ? status?.observedGeneration : last.order.generation;
}

function standingNow({ secret, facts }: Serving, before: Standing): Standing {
  return secret === undefined || facts === undefined ? {} : standingIn(secret, facts, before);
}

/** Nothing is on its way any more: what was made for that goes. */
async function settled(look: Look, { notes, standing }: Known): Promise<CertificateWork> {
  const { order } = look;
  await clearAway(look, notes);
  return {
    order,
    isSettled: true,
    atMs: nextLook(standing),
    report: { standing, failures: {}, ready: readyOf(order.dnsNames, standing) },
  };
}

async function clearAway(look: Look, notes: Notes): Promise<void> {
  await putChallenges([], look);
  if (notes.issuance === undefined) return;
  await forgetNextKey(look);
  await notes.write(undefined);
}

/** It serves, but not for all names: those that it lacks are tried again, as after a failure. */
async function incomplete(look: Look, known: Known, names: readonly RefusedName[]): Promise<CertificateWork> {
  const { order } = look;
  await clearAway(look, known.notes);
  const lacking = lackingIn(known.standing, order.dnsNames);
  const failedNames = names.filter(({ dnsName }) => lacking.includes(dnsName));
  const { atMs, failures } = afterFailure(known, look);
  const words = failedNames.slice(0, 3).map(({ dnsName, message }) => `${dnsName}: ${message}`);
  const message = failureMessage({
    message: words.length === 0 ? `Not for ${lacking.slice(0, 3).join(', ')}` : words.join(' '),
    attempts: failures.failedIssuanceAttempts,
    nextTryAt: failures.nextTryAt,
  });
  const report = {
    standing: known.standing,
    failures: { ...failures, failedNames },
    issuing: { reason: 'NamesRefused', message },
    ready: readyOf(order.dnsNames, known.standing),
  } as const;
  return { order, isSettled: false, atMs, report };
}

function nextLook({ renewalTime, renewalCheckTime }: Standing): number {
  const times = [renewalTime, renewalCheckTime].filter((time) => time !== undefined).map((time) => Date.parse(time));
  return Math.min(Number.POSITIVE_INFINITY, ...times);
}

function waiting(look: Look, known: Known, need: Need): CertificateWork {
  const { certificate, standing, failures } = known;
  const said = look.last?.report?.issuing ?? findCondition(certificate.status?.conditions, 'Issuing');
  const issuing = { reason: (said?.reason ?? 'IssuanceFailed') as CertificateReason, message: said?.message ?? '' };
  const report = { standing, failures, issuing, ready: readyWhile(known, need, issuing) };
  return { order: look.order, isSettled: false, atMs: Date.parse(failures.nextTryAt ?? ''), report };
}

/** What there is serves on while the next one is on its way: whether it is good does not hang on that. */
function readyWhile(
  { standing, fault, certificate }: Known,
  need: Need,
  issuing: NonNullable<CertificateReport['issuing']>,
): CertificateReport['ready'] {
  if (need === 'Renewal' || need === 'Requested' || need === 'Lacking')
    return readyOf(certificate.spec.dnsNames, standing);
  const message = need === 'Unusable' ? `${fault ?? ''} ${issuing.message}` : issuing.message;
  return { isTrue: false, reason: issuing.reason, message: message.trim() };
}

async function getNext(look: Look, known: Known, need: Need): Promise<CertificateWork> {
  try {
    if (need === 'Revoked') await revoke(look, known);
    return await takeFurther(look, known, need);
  } catch (err) {
    return await failed(look, known, { need, err });
  }
}

/** Noted at once: it is not to be forgotten what was done with it, whoever gets the next one. */
async function revoke(look: Look, known: Known): Promise<void> {
  const { revocation } = look.order;
  if (revocation === undefined || isRevoked(known)) return;
  await known.notes.writeRevoked(await revokePresent(look, revocation, known.present));
}

/** Whether the one that serves was revoked already. */
function isRevoked({ notes: { revoked }, standing: { serialNumber } }: Known): boolean {
  return revoked !== undefined && revoked.serialNumber === serialNumber;
}

async function takeFurther(look: Look, known: Known, need: Need): Promise<CertificateWork> {
  const { order, clock } = look;
  const { notes, present, standing: before } = known;
  const issued = await issue({ ...look, need, notes, present, standing: before });
  const names = issued.names ?? known.failures.failedNames ?? [];
  if ('step' in issued) {
    const said = { reason: issued.step, message: issued.message };
    const soonestMs = clock.now() + issued.afterMs;
    const isPaced = issued.step === 'Paced';
    const atMs = isPaced ? secondAfter(soonestMs) : soonestMs;
    const failures = {
      ...withoutPause(known.failures),
      ...(names.length === 0 ? {} : { failedNames: names }),
      // In the status, since it may be hours away, and is to be kept by whoever leads then.
      ...(isPaced ? { nextTryAt: rfc3339(atMs) } : {}),
    };
    const { isBrief = false } = issued;
    const report = { standing: known.standing, failures, issuing: said, ready: readyWhile(known, need, said), isBrief };
    return { order, isSettled: false, atMs, report };
  }
  const fresh = standingIn(issued.secret, issued.facts, known.standing);
  const standing = await withRenewal(fresh, { ...look, facts: issued.facts, isSameSpec: true });
  const now = { ...known, standing };
  const isWhole = lackingIn(standing, order.dnsNames).length === 0;
  return isWhole ? await settled(look, now) : await incomplete(look, now, names);
}

/** What the CA, or our own rules, said no to; everything else is for the loop. */
async function failed(
  look: Look,
  known: Known,
  { need, err }: { readonly need: Need; readonly err: unknown },
): Promise<CertificateWork> {
  const reason = reasonOf(err);
  if (reason === undefined) throw err;
  const problem = err instanceof AcmeProblem ? err : undefined;
  const { atMs, failures: counted } = afterFailure(known, { ...look, problem });
  if (problem === undefined || !isPassing(problem)) await dropOrder(look, known.notes);
  else if (problem.type === 'rateLimited')
    await hold(look, known.notes, problem.retryAfterMs ?? atMs - look.clock.now());
  const { failedIssuanceAttempts: attempts, nextTryAt } = counted;
  const said = { reason, message: failureMessage({ message: (err as Error).message, attempts, nextTryAt }) };
  const failures = {
    ...counted,
    ...(problem === undefined || problem.names.length === 0 ? {} : { failedNames: problem.names }),
  };
  const report = { standing: known.standing, failures, issuing: said, ready: readyWhile(known, need, said) };
  return { order: look.order, isSettled: false, atMs, report };
}

/** For as long as the CA wants nobody asks again, whoever leads then. An order that it did not take was none. */
async function hold({ owner, order, refusals, clock }: Look, { issuance, write }: Notes, ms: number): Promise<void> {
  const nowMs = clock.now();
  const untilMs = secondAfter(nowMs + Math.min(ms, longestHoldMs));
  refusals.refused({ owner, order, nowMs }, untilMs);
  if (issuance === undefined) return;
  const { orderIntendedAt, ...rest } = issuance;
  const ordered = issuance.orderURL === undefined || orderIntendedAt === undefined ? {} : { orderIntendedAt };
  await write({ ...rest, ...ordered, refusedUntil: rfc3339(untilMs) });
}

/** The longest period that a CA counts for. */
const longestHoldMs = 7 * 24 * 3_600_000;

async function dropOrder(look: Look, notes: Notes): Promise<void> {
  await putChallenges([], look);
  if (notes.issuance !== undefined) await notes.write(undefined);
}
