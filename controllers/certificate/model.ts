import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import { coversName } from '#runtime/base/hostnames.ts';
import type { CertificateFacts } from '#runtime/pki/server-certificate.ts';
import type { IssuerUse } from '#controllers/issuer-use.ts';
import type { CertificateReason } from './reasons.ts';
import type { Revocation } from './revocation.ts';

type Status = NonNullable<Certificate['status']>;

/** What is to be had: all of a Certificate, and of what it hangs on, that matters for getting it. */
export interface CertificateOrder {
  readonly generation: number;
  /** Sorted. */
  readonly dnsNames: readonly string[];
  readonly secretName: string;
  readonly key: { readonly algorithm: 'ECDSA' | 'RSA'; readonly size: number; readonly isKept: boolean };
  readonly lifetimeMs?: number;
  readonly renewBeforeMs?: number;
  readonly mayLackNames: boolean;
  readonly issuer: IssuerUse;
  /** Its Challenges that are to be seen. */
  readonly presented: readonly string[];
  /** resourceVersion of its Secret; empty while that is not there. */
  readonly secretVersion: string;
  /** Somebody asked for a look. */
  readonly request?: string;
  /** Somebody asked for a new one. */
  readonly renewal?: string;
  /** Somebody said that one must not be trusted any longer. */
  readonly revocation?: Revocation;
}

/** What is told of the certificate that there is. */
export type Standing = Pick<
  Status,
  | 'dnsNames'
  | 'serialNumber'
  | 'publicKeyDigest'
  | 'notBefore'
  | 'notAfter'
  | 'renewalTime'
  | 'renewalCheckTime'
  | 'issuedFor'
  | 'renewedFor'
  | 'secretVersion'
>;

/** What is told of attempts that failed. */
export type Failures = Pick<Status, 'failedIssuanceAttempts' | 'lastFailureTime' | 'nextTryAt' | 'failedNames'>;

/** What came of a look at a Certificate; what its status shows. */
export interface CertificateReport {
  readonly standing: Standing;
  readonly failures: Failures;
  /** Of the certificate that there is. */
  readonly ready: { readonly isTrue: boolean; readonly reason: CertificateReason; readonly message: string };
  /** Of the one that is on its way. */
  readonly issuing?: { readonly reason: CertificateReason; readonly message: string };
  /** What is waited for has just begun: there is nothing to tell yet. */
  readonly isBrief?: boolean;
}

/** What was found in a Secret before: it holds while that is of the same version. */
export interface Seen {
  readonly version: string;
  /** For which it was found to be good. */
  readonly dnsNames: string;
  readonly facts: CertificateFacts;
}

/** The one thing that a Certificate is in the world: looked at, and got. */
export interface CertificateWork {
  readonly order: CertificateOrder;
  /** Wanted: its status says that nothing is to be done. */
  readonly isSettled: boolean;
  /** Wanted: the time. Found: when it has to be looked at again. Milliseconds since the epoch. */
  readonly atMs: number;
  /** Only of what was found. */
  readonly report?: CertificateReport;
  /** Likewise: what need not be found again. */
  readonly seen?: Seen | undefined;
}

/** `undefined`: nobody needs it. */
export type CertificateState = CertificateWork | undefined;

/** What the status says of the certificate. */
export function standingOf(status: Status = {}): Standing {
  const { dnsNames, serialNumber, notBefore, notAfter, renewalTime, renewalCheckTime, issuedFor, renewedFor } = status;
  const fields = { dnsNames, serialNumber, notBefore, notAfter, renewalTime, renewalCheckTime, issuedFor, renewedFor };
  const { publicKeyDigest, secretVersion } = status;
  return onlyDefined<Standing>({ ...fields, publicKeyDigest, secretVersion });
}

/** Wanted names for which a certificate is not. */
export function lackingIn({ dnsNames = [] }: Pick<Standing, 'dnsNames'>, wanted: readonly string[]): readonly string[] {
  return wanted.filter((name) => !coversName(dnsNames, name));
}

/** What the status says of failed attempts. */
export function failuresOf(status: Status = {}): Failures {
  const { failedIssuanceAttempts, lastFailureTime, nextTryAt, failedNames } = status;
  return onlyDefined<Failures>({ failedIssuanceAttempts, lastFailureTime, nextTryAt, failedNames });
}

/** Without the fields that have no value. */
export function onlyDefined<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
