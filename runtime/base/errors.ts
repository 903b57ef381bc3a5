/** Whether the loop tries again by itself, or waits until somebody changes the object. */
export type Retry = 'backoff' | 'on-spec-change';

/** A fault in one field, in the words of the Kubernetes API. `field` is a path such as `spec.aliases[1]`. */
export interface FieldFault {
  readonly field: string;
  /** `FieldValueInvalid`, `FieldValueRequired`, … */
  readonly reason: string;
  readonly message: string;
}

/** Everything that is thrown on purpose. `code` is stable and documented in docs/reference/errors.md; the message is for people. */
export abstract class Wcp360Error extends Error {
  abstract readonly code: string;
  abstract readonly retry: Retry;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An answer of an API server that is not a success. */
export class ApiError extends Wcp360Error {
  readonly code = 'WCP_API';
  readonly retry = 'backoff';
  readonly status: number;
  readonly reason: string;
  readonly faults: readonly FieldFault[];
  readonly details: ApiErrorDetails;
  /** `status` is the HTTP code, `reason` the word in `Status.reason`. */
  constructor(status: number, reason: string, message: string, details: ApiErrorDetails & ErrorOptions = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.reason = reason;
    this.details = details;
    this.faults = details.causes ?? [];
  }
}

/** What `Status.details` tells beside the message. */
export interface ApiErrorDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource for NotFound, Conflict and Forbidden; the kind for Invalid. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly FieldFault[];
  readonly retryAfterSeconds?: number;
  /** `Status.metadata.continue`: how to go on with a list whose token has expired. */
  readonly continue?: string;
}

/** The machine did not do what was asked: a program failed, a file could not be written, a socket did not answer. */
export class HostError extends Wcp360Error {
  readonly code = 'WCP_HOST';
  readonly retry = 'backoff';
  readonly facts: {
    readonly program?: string;
    readonly exitCode?: number;
    readonly durationMs?: number;
    readonly path?: string;
  };
  constructor(message: string, facts: HostError['facts'] = {}, options?: ErrorOptions) {
    super(message, options);
    this.facts = facts;
  }
}

/** A daemon or a policy said no; trying the same again is of no use. The message carries its own words, redacted. */
export class RefusedError extends Wcp360Error {
  readonly code = 'WCP_REFUSED';
  readonly retry = 'on-spec-change';
  readonly reason: string;
  /** `reason` is the CamelCase word for the object's condition. */
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Somebody else has to do something first, or a time has to come, which no event tells: it is tried again then, or now and then, and stays as it is meanwhile. */
export class PostponedError extends Wcp360Error {
  readonly code = 'WCP_POSTPONED';
  readonly retry = 'backoff';
  readonly reason: string;
  /** Milliseconds since the epoch; `undefined` when nobody knows. */
  readonly untilMs: number | undefined;
  /** `reason` is the CamelCase word for the object's condition. */
  constructor(
    reason: string,
    message: string,
    { untilMs, ...options }: ErrorOptions & { readonly untilMs?: number } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.untilMs = untilMs;
  }
}

/** Input that breaks its schema; names every faulty field. */
export class InvalidError extends Wcp360Error {
  readonly code = 'WCP_INVALID';
  readonly retry = 'on-spec-change';
  readonly faults: readonly FieldFault[];
  constructor(message: string, faults: readonly FieldFault[], options?: ErrorOptions) {
    super(message, options);
    this.faults = faults;
  }
}

/** What a CA said of one name. */
export interface RefusedName {
  readonly dnsName: string;
  readonly message: string;
}

/** A CA answered with a problem instead of doing what was asked (RFC 8555 §6.7), or did not answer. */
export class AcmeProblem extends Wcp360Error {
  readonly code = 'WCP_ACME';
  readonly retry = 'backoff';
  /** The last part of the problem's URN, such as `rateLimited`; `connection` when there was no answer, `malformedAnswer` when it made no sense, `orderInvalid` when an order has failed. */
  readonly type: string;
  /** Not before this, in ms from now; absent when the CA did not say. */
  readonly retryAfterMs: number | undefined;
  readonly names: readonly RefusedName[];
  constructor(
    type: string,
    message: string,
    facts: { readonly retryAfterMs?: number | undefined; readonly names?: readonly RefusedName[] } & ErrorOptions = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.type = type;
    this.retryAfterMs = facts.retryAfterMs;
    this.names = facts.names ?? [];
  }
}

/** Another replica leads now; whatever was being done must stop. */
export class LostLeadershipError extends Wcp360Error {
  readonly code = 'WCP_LOST_LEADERSHIP';
  readonly retry = 'backoff';
}

/** An invariant of this program broke. Never caught below the loop. */
export class BugError extends Wcp360Error {
  readonly code = 'WCP_BUG';
  readonly retry = 'backoff';
}

/** The value, or a BugError that says what was missing. */
export function required<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new BugError(`${what} is missing`);
  return value;
}
