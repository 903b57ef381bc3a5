import type { FieldFault } from '#runtime/base/errors.ts';
import { fault, invalidOptions, shown } from '#runtime/apiserver/http/api-errors.ts';
import { isTrue } from '#runtime/apiserver/http/request-attributes.ts';

/** The query of a list, watch or deletecollection, checked. */
export interface ListOptions {
  /** Undefined: most recent. 0: whatever is there. */
  readonly resourceVersion: number | undefined;
  readonly match: 'Exact' | 'NotOlderThan' | undefined;
  /** 0: no limit. */
  readonly limit: number;
  readonly continue: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
}

/** Reads and checks the options in the way of the Kubernetes API: 422 with one cause per fault. */
export function parseListOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const resourceVersion = parseRevision(query.get('resourceVersion'));
  const sendInitialEvents = query.get('sendInitialEvents');
  const faults = [
    ...matchFaults(query, watch, sendInitialEvents !== null),
    ...(watch ? [] : initialEventFaults(sendInitialEvents)),
  ];
  if (faults.length > 0) throw invalidOptions(faults);
  const match = query.get('resourceVersionMatch');
  return {
    resourceVersion,
    match: match === 'Exact' || match === 'NotOlderThan' ? match : undefined,
    limit: wholeNumber(query.get('limit'), 'limit') ?? 0,
    continue: query.get('continue') ?? '',
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
    timeoutSeconds: wholeNumber(query.get('timeoutSeconds'), 'timeoutSeconds'),
  };
}

const matchField = 'resourceVersionMatch';

function matchFaults(query: URLSearchParams, watch: boolean, initialEvents: boolean): readonly FieldFault[] {
  const match = query.get(matchField) ?? '';
  if (watch) return watchMatchFaults(match, initialEvents);
  if (match === '') return [];
  if (match === 'Exact' || match === 'NotOlderThan') return listMatchFaults(query, match);
  const message = `Unsupported value: ${shown(match)}: supported values: "Exact", "NotOlderThan", ""`;
  return [fault(matchField, 'FieldValueNotSupported', message)];
}

function watchMatchFaults(match: string, initialEvents: boolean): readonly FieldFault[] {
  if (initialEvents && match !== 'NotOlderThan') {
    return [forbids(matchField, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')];
  }
  if (initialEvents || match === '') return [];
  return [forbids(matchField, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')];
}

function listMatchFaults(query: URLSearchParams, match: string): readonly FieldFault[] {
  const version = query.get('resourceVersion') ?? '';
  const broken: readonly (readonly [boolean, string])[] = [
    [version === '', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [(query.get('continue') ?? '') !== '', 'resourceVersionMatch is forbidden when continue is provided'],
    [match === 'Exact' && version === '0', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
  ];
  return broken.filter(([isBroken]) => isBroken).map(([, message]) => forbids(matchField, message));
}

function initialEventFaults(value: string | null): readonly FieldFault[] {
  return value === null ? [] : [forbids('sendInitialEvents', 'sendInitialEvents is forbidden for list')];
}

function forbids(field: string, message: string): FieldFault {
  return fault(field, 'FieldValueForbidden', `Forbidden: ${message}`);
}

/** A resourceVersion as this server hands them out; undefined when absent or empty. */
export function parseRevision(value: string | null): number | undefined {
  if (value === null || value === '') return undefined;
  const revision = /^\d{1,16}$/u.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(revision)) return revision;
  throw invalidOptions([
    fault(
      'resourceVersion',
      'FieldValueInvalid',
      `Invalid value: ${shown(value)}: strconv.ParseUint: parsing ${shown(value)}: invalid syntax`,
    ),
  ]);
}

function wholeNumber(value: string | null, field: string): number | undefined {
  if (value === null || value === '') return undefined;
  if (/^\d{1,12}$/u.test(value)) return Number(value);
  throw invalidOptions([fault(field, 'FieldValueInvalid', `Invalid value: ${shown(value)}: must be a whole number`)]);
}
