import { rfc3339 } from '#runtime/base/clock.ts';
import { AcmeProblem, RefusedError } from '#runtime/base/errors.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import { failureMessage } from '#controllers/attempts.ts';
import type { SecretContent } from '#controllers/secret-store.ts';
import { putChallenges } from './challenges.ts';
import { issue } from './issue.ts';
import type { Look } from './looking.ts';
import {
  failuresOf,
  standingOf,
  type CertificateReport,
  type CertificateWork,
  type Failures,
  type Standing,
} from './model.ts';
import { isWaiting, needOf, type Need } from './need.ts';
import { openNotes, type Notes } from './notes.ts';
import { CERTIFICATE_REASONS, type CertificateReason } from './reasons.ts';
import { pauseMsAfter, unreachedPauseMsAfter } from './renewal.ts';
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
  const standing = await withRenewal(standingNow(serving, before), { ...look, facts: serving.facts });
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
  const { status } = known.certificate;
  const isUrgent = need === 'Revoked' && !isRevoked(known);
  const answered = look.last === undefined ? status?.lastHandledRequestAt : look.last.order.request;
  const isAsked = isUrgent || order.request !== answered;
  if (isWaiting(failures, clock.now()) && !isAsked) return waiting(look, known, need);
  return await getNext(look, known, need);
}

function standingNow({ secret, facts }: Serving, before: Standing): Standing {
  return secret === undefined || facts === undefined ? {} : standingIn(secret, facts, before);
}

/** Nothing is on its way any more: what was made for that goes. */
async function settled(look: Look, { notes, standing }: Known): Promise<CertificateWork> {
  const { order } = look;
  await putChallenges([], look);
  if (notes.issuance !== undefined) {
    await forgetNextKey(look);
    await notes.write(undefined);
  }
  return {
    order,
    isSettled: true,
    atMs: nextLook(standing),
    report: { standing, failures: {}, ready: readyOf(order.dnsNames, standing) },
  };
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
  { standing, fault }: Known,
  need: Need,
  issuing: NonNullable<CertificateReport['issuing']>,
): CertificateReport['ready'] {
  if (need === 'Renewal' || need === 'Requested')
    return { isTrue: true, reason: 'Issued', message: `It is good until ${standing.notAfter ?? ''}.` };
  const message = need === 'Unusable' ? `${fault ?? ''} ${issuing.message}` : issuing.message;
  return { isTrue: false, reason: issuing.reason, message: message.trim() };
}

/** How often it failed counts until it went well: the next failure is paused after all the longer. */
function withoutPause({ failedIssuanceAttempts, lastFailureTime, failedNames }: Failures): Failures {
  return failuresOf({
    ...(failedIssuanceAttempts === undefined ? {} : { failedIssuanceAttempts }),
    ...(lastFailureTime === undefined ? {} : { lastFailureTime }),
    ...(failedNames === undefined ? {} : { failedNames }),
  });
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
  const issued = await issue({ ...look, need, notes: known.notes, present: known.present });
  if ('step' in issued) {
    const said = { reason: issued.step, message: issued.message };
    const soonestMs = clock.now() + issued.afterMs;
    const isPaced = issued.step === 'Paced';
    const atMs = isPaced ? secondAfter(soonestMs) : soonestMs;
    const failures = {
      ...withoutPause(known.failures),
      // In the status, since it may be hours away, and is to be kept by whoever leads then.
      ...(isPaced ? { nextTryAt: rfc3339(atMs) } : {}),
    };
    const { isBrief = false } = issued;
    const report = { standing: known.standing, failures, issuing: said, ready: readyWhile(known, need, said), isBrief };
    return { order, isSettled: false, atMs, report };
  }
  const fresh = standingIn(issued.secret, issued.facts, known.standing);
  const standing = await withRenewal(fresh, { ...look, facts: issued.facts });
  return await settled(look, { ...known, standing });
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
  if (problem === undefined || !isPassing(problem)) await dropOrder(look, known.notes);
  const nowMs = look.clock.now();
  const attempts = (known.failures.failedIssuanceAttempts ?? 0) + 1;
  const atMs = secondAfter(nowMs + pauseAfter(problem, { look, known, attempts, nowMs }));
  const nextTryAt = rfc3339(atMs);
  const said = { reason, message: failureMessage({ message: (err as Error).message, attempts, nextTryAt }) };
  const failures = {
    failedIssuanceAttempts: attempts,
    lastFailureTime: rfc3339(nowMs),
    nextTryAt,
    ...(problem === undefined || problem.names.length === 0 ? {} : { failedNames: problem.names }),
  };
  const report = { standing: known.standing, failures, issuing: said, ready: readyWhile(known, need, said) };
  return { order: look.order, isSettled: false, atMs, report };
}

/** A status tells times in whole seconds: when the object says that it is due, the look has to be due, too. */
function secondAfter(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000;
}

interface Failure {
  readonly look: Look;
  readonly known: Known;
  readonly attempts: number;
  readonly nowMs: number;
}

function pauseAfter(problem: AcmeProblem | undefined, { look, known, attempts, nowMs }: Failure): number {
  const { notAfter } = known.standing;
  const leftMs = notAfter === undefined ? undefined : Date.parse(notAfter) - nowMs;
  const pauseMs = pauseMsAfter(attempts, { retryAfterMs: problem?.retryAfterMs, leftMs, seed: look.owner.uid });
  return problem?.type === 'connection' ? Math.min(pauseMs, unreachedPauseMsAfter(attempts, leftMs)) : pauseMs;
}

/** After these the same order may be carried on; all others have ended it, or never began one. */
function isPassing({ type }: AcmeProblem): boolean {
  return type === 'connection' || type === 'rateLimited' || type === 'serverInternal' || type === 'orderNotReady';
}

async function dropOrder(look: Look, notes: Notes): Promise<void> {
  await putChallenges([], look);
  if (notes.issuance !== undefined) await notes.write(undefined);
}

function reasonOf(err: unknown): CertificateReason | undefined {
  if (err instanceof AcmeProblem) return err.names.length > 0 ? 'NamesRefused' : 'IssuanceFailed';
  return err instanceof RefusedError && err.reason in CERTIFICATE_REASONS
    ? (err.reason as CertificateReason)
    : undefined;
}
