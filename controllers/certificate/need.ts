import { nameHash } from '#schemas/meta/name-hash.ts';
import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import { lackingIn, type CertificateOrder, type Failures, type Standing } from './model.ts';

/** Why there has to be a new certificate. */
export type Need = 'Missing' | 'Unusable' | 'SpecChanged' | 'Renewal' | 'Requested' | 'Revoked' | 'Lacking';

/** Tells specs apart for which one certificate does not do. */
export function markOf({ dnsNames, key, issuer, lifetimeMs }: CertificateOrder): string {
  const { acme } = issuer.spec;
  const from = [issuer.kind, issuer.name, acme?.server, acme?.profile];
  return nameHash(JSON.stringify([dnsNames, key.algorithm, key.size, from, lifetimeMs])).toString(36);
}

/** Why a new one is needed, with what is known of the one that is there; `undefined` when it serves on. Pure. */
export function needOf(
  order: CertificateOrder,
  {
    standing,
    fault,
    nowMs,
  }: { readonly standing: Standing; readonly fault: string | undefined; readonly nowMs: number },
): Need | undefined {
  if (standing.serialNumber === undefined) return 'Missing';
  if (order.revocation?.serialNumber === standing.serialNumber) return 'Revoked';
  if (fault !== undefined) return 'Unusable';
  if (standing.issuedFor !== markOf(order)) return 'SpecChanged';
  if (order.renewal !== standing.renewedFor) return 'Requested';
  if (isPast(standing.renewalTime, nowMs)) return 'Renewal';
  return lackingIn(standing, order.dnsNames).length > 0 ? 'Lacking' : undefined;
}

/** Whether the status says that there is nothing to be done before the time that it names: after a start most Certificates are not even looked at. Pure. */
export function isSettled({ metadata, status = {} }: Certificate, order: CertificateOrder, nowMs: number): boolean {
  if (status.observedGeneration !== metadata.generation) return false;
  const { issuance, secretVersion, lastHandledRequestAt, failedIssuanceAttempts, nextTryAt, renewalCheckTime } = status;
  if (issuance !== undefined || order.request !== lastHandledRequestAt) return false;
  if (secretVersion !== order.secretVersion || order.secretVersion === '') return false;
  if (failedIssuanceAttempts !== undefined) return !isPast(nextTryAt, nowMs);
  if (isPast(renewalCheckTime, nowMs)) return false;
  return needOf(order, { standing: status, fault: undefined, nowMs }) === undefined;
}

/** Whether a failed attempt has to be waited out. Somebody's request cuts the wait short. */
export function isWaiting({ nextTryAt }: Failures, nowMs: number): boolean {
  return nextTryAt !== undefined && !isPast(nextTryAt, nowMs);
}

/**
 * When the next look is due that no change announces, in ms since the epoch. What is past is waited for no more: a look is under way, or something that comes
 * later is waited for, as the next try of a renewal that failed. Pure.
 */
export function dueAt({ status = {} }: Certificate, nowMs: number): number | undefined {
  const times = [status.nextTryAt, status.renewalTime, status.renewalCheckTime]
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time))
    .filter((atMs) => atMs > nowMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

function isPast(time: string | undefined, nowMs: number): boolean {
  return time !== undefined && nowMs >= Date.parse(time);
}
