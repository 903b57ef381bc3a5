import { ApiError, InvalidError, Wcp360Error, type ApiErrorDetails, type FieldFault } from '#runtime/base/errors.ts';
import type { Status } from '#schemas/meta/object.ts';

/** Faults that one answer tells of: without a bound it would be a hundred times as large as a body that is full of them. */
export const maxFaults = 100;
/** Characters of a fault's field or message; what is longer loses its middle. Values may be as large as the body that they came in. */
const maxFaultLength = 2_048;

/** As much of a resource as error messages name. */
export interface NamedResource {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
}

/** `domains.hosting.wcp360.io`, or `secrets` in the core group. */
export function qualified(resource: Pick<NamedResource, 'group' | 'resource'>): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

function detailsOf(resource: NamedResource, name: string): ApiErrorDetails {
  return { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.resource };
}

export function notFound(resource: NamedResource, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

/** `why` stands before it. */
export function alreadyExists(resource: NamedResource, name: string, why = ''): ApiError {
  return new ApiError(
    409,
    'AlreadyExists',
    `${why}${qualified(resource)} "${name}" already exists`,
    detailsOf(resource, name),
  );
}

/** The same where the server was to find a name; it may find one on another try. */
export function notGenerated(resource: NamedResource, name: string): ApiError {
  const why = 'the server was not able to generate a unique name for the object';
  const message = `${qualified(resource)} "${name}" already exists, ${why}`;
  return new ApiError(409, 'AlreadyExists', message, { ...detailsOf(resource, name), retryAfterSeconds: 1 });
}

/** `why` is what follows the resource and name; the usual one says that somebody else was faster. */
export function conflict(
  resource: NamedResource,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, detailsOf(resource, name));
}

export function forbidden(
  resource: NamedResource,
  name: string,
  why: string,
  causes: readonly FieldFault[] = [],
): ApiError {
  const object = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`;
  const details = { ...detailsOf(resource, name), ...(causes.length === 0 ? {} : { causes }) };
  return new ApiError(403, 'Forbidden', `${object} is forbidden: ${why}`, details);
}

/** 422 with one cause per fault; `faults` messages read `Invalid value: …`, `Required value`, … */
export function invalid(resource: NamedResource, name: string, faults: readonly FieldFault[]): ApiError {
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
  const causes = toldFaults(faults);
  const lines = causes.map((told) => (told.field === '' ? told.message : `${told.field}: ${told.message}`));
  if (faults.length > causes.length) lines.push('and more faults');
  const text = lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`;
  const group = resource.group === '' ? {} : { group: resource.group };
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${text}`, {
    name,
    ...group,
    kind: resource.kind,
    causes,
  });
}

/** The first faults, none of them longer than anybody reads. */
export function toldFaults(faults: readonly FieldFault[]): readonly FieldFault[] {
  return faults
    .slice(0, maxFaults)
    .map(({ field, reason, message }) => ({ field: shortened(field), reason, message: shortened(message) }));
}

function shortened(text: string): string {
  if (text.length <= maxFaultLength) return text;
  return `${text.slice(0, maxFaultLength / 2)}…${text.slice(1 - maxFaultLength / 2)}`;
}

/** Faults of the items in their order; no more are looked for once there are more than are told. */
export function faultsOfEach<T>(items: Iterable<T>, faultsOf: (item: T) => readonly FieldFault[]): FieldFault[] {
  const faults: FieldFault[] = [];
  for (const item of items) {
    if (faults.length > maxFaults) break;
    faults.push(...faultsOf(item));
  }
  return faults;
}

/** 422 about the query of a list or watch. */
export function invalidOptions(faults: readonly FieldFault[]): ApiError {
  return invalid({ group: 'meta.k8s.io', resource: 'listoptions', kind: 'ListOptions' }, '', faults);
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** The revision is gone: for lists an HTTP 410, for watches an ERROR event. `token` lets a list go on, inconsistently. */
export function expired(message: string, token?: string): ApiError {
  return new ApiError(410, 'Expired', message, token === undefined ? {} : { continue: token });
}

export function fault(field: string, reason: string, message: string): FieldFault {
  return { field, reason, message };
}

/** A value as fault messages print it: strings quoted, everything else as JSON. */
export function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

/** Any thrown value as the body that Kubernetes clients expect; what was not thrown on purpose tells nothing but that. */
export function statusOf(error: unknown): Status {
  if (error instanceof ApiError) return failure(error);
  if (error instanceof InvalidError)
    return failure(new ApiError(422, 'Invalid', error.message, { causes: error.faults }));
  if (error instanceof Wcp360Error && error.retry === 'backoff') {
    return failure(new ApiError(500, 'InternalError', `Internal error occurred: ${error.message}`));
  }
  return failure(new ApiError(500, 'InternalError', 'Internal error occurred'));
}

function failure(error: ApiError): Status {
  const details = detailsIn(error);
  const { continue: token } = error.details;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: token === undefined ? {} : { continue: token },
    status: 'Failure',
    message: error.message,
    ...(error.reason === '' ? {} : { reason: error.reason }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
    code: error.status,
  };
}

function detailsIn(error: ApiError): NonNullable<Status['details']> {
  const { name, group, kind, uid, causes, retryAfterSeconds } = error.details;
  const all = {
    name,
    group,
    kind,
    uid,
    causes: causes?.map(causeOf),
    retryAfterSeconds,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''));
}

function causeOf(found: FieldFault): NonNullable<NonNullable<Status['details']>['causes']>[number] {
  return { reason: found.reason, message: found.message, ...(found.field === '' ? {} : { field: found.field }) };
}
