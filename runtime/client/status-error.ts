import { ApiError, type ApiErrorDetails, type FieldFault } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';

const reasonOf: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const longestText = 1024;

/** The error that a non-2xx answer stands for; a body that is no Status (a proxy's page) is quoted, cut to 1 KiB. */
export function statusError(httpStatus: number, body: string): ApiError {
  const status = parseRecord(body);
  if (status?.['kind'] === 'Status') return errorOfStatus(status, httpStatus);
  const text = body.trim().slice(0, longestText);
  return new ApiError(
    httpStatus,
    reasonOf[httpStatus] ?? 'Unknown',
    text === '' ? `the server answered with status ${httpStatus}` : text,
  );
}

/** The error that a Status object stands for (an answer's body, or the object of a watch's ERROR event). */
export function errorOfStatus(status: Readonly<Record<string, unknown>>, httpStatus = 500): ApiError {
  const code = typeof status['code'] === 'number' && status['code'] > 0 ? status['code'] : httpStatus;
  const reason = textOf(status['reason']) ?? reasonOf[code] ?? 'Unknown';
  const message = textOf(status['message']) ?? `the server answered with status ${code}`;
  return new ApiError(code, reason, message, detailsOf(status['details']));
}

function detailsOf(details: unknown): ApiErrorDetails {
  if (!isRecord(details)) return {};
  const name = textOf(details['name']);
  const group = textOf(details['group']);
  const kind = textOf(details['kind']);
  const uid = textOf(details['uid']);
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isRecord).map(faultOf) : undefined;
  const retryAfter = details['retryAfterSeconds'];
  return {
    ...(name === undefined ? {} : { name }),
    ...(group === undefined ? {} : { group }),
    ...(kind === undefined ? {} : { kind }),
    ...(uid === undefined ? {} : { uid }),
    ...(causes === undefined ? {} : { causes }),
    ...(typeof retryAfter === 'number' ? { retryAfterSeconds: retryAfter } : {}),
  };
}

function faultOf(cause: Readonly<Record<string, unknown>>): FieldFault {
  return {
    field: textOf(cause['field']) ?? '',
    reason: textOf(cause['reason']) ?? '',
    message: textOf(cause['message']) ?? '',
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function parseRecord(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The list must be read anew: the revision asked for is forgotten. */
export function isExpired(err: unknown): boolean {
  return err instanceof ApiError && (err.status === 410 || err.reason === 'Expired' || err.reason === 'Gone');
}

/** The server has not reached the revision asked for within its patience. */
export function isTooLargeRevision(err: unknown): boolean {
  return err instanceof ApiError && err.faults.some((fault) => fault.reason === 'ResourceVersionTooLarge');
}

/** An ApiError of this HTTP status. */
export function isStatus(err: unknown, status: number): err is ApiError {
  return err instanceof ApiError && err.status === status;
}
