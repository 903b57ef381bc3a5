import type { FieldFault } from '#runtime/base/errors.ts';
import { badRequest, fault, invalidOptions, shown } from '#runtime/apiserver/http/api-errors.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';
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

/**
 * Reads and checks the options in the way of the Kubernetes API: 422 with one cause per fault. The version is looked at when the rest is known to make sense
 * for the kind (see `readListQuery`).
 */
export function parseListOptions(query: URLSearchParams, watch: boolean): Omit<ListOptions, 'resourceVersion'> {
  const limit = integerParameter(query, 'limit') ?? 0;
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds') ?? 0;
  const { sendInitialEvents, ...selectors } = checkedTogether(query, watch);
  const match = query.get(matchField);
  return {
    match: match === 'Exact' || match === 'NotOlderThan' ? match : undefined,
    limit: Math.max(limit, 0),
    continue: query.get('continue') ?? '',
    ...selectors,
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents,
    timeoutSeconds: timeoutSeconds > 0 ? timeoutSeconds : undefined,
  };
}

const matchField = 'resourceVersionMatch';

/** What is checked against each other: 422 with all faults. */
function checkedTogether(
  query: URLSearchParams,
  watch: boolean,
): Pick<ListOptions, 'labelSelector' | 'fieldSelector' | 'sendInitialEvents'> {
  const sendInitialEvents = query.get('sendInitialEvents');
  const faults = [
    ...matchFaults(query, watch, sendInitialEvents !== null),
    ...(watch ? [] : initialEventFaults(sendInitialEvents)),
  ];
  const selectors = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
  };
  if (faults.length > 0) {
    requireReadable(selectors);
    throw invalidOptions(faults);
  }
  return { ...selectors, sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents) };
}

/** Kubernetes reads selectors before it checks what they stand beside. */
function requireReadable({ labelSelector, fieldSelector }: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>): void {
  parseLabelSelector(labelSelector);
  parseFieldSelector(fieldSelector, { supported: () => true });
}

function matchFaults(query: URLSearchParams, watch: boolean, initialEvents: boolean): readonly FieldFault[] {
  const match = query.get(matchField) ?? '';
  if (watch) return watchMatchFaults(match, initialEvents);
  if (match === '') return [];
  const message = `Unsupported value: ${shown(match)}: supported values: "Exact", "NotOlderThan", ""`;
  const isKnown = match === 'Exact' || match === 'NotOlderThan';
  return [...listMatchFaults(query, match), ...(isKnown ? [] : [fault(matchField, 'FieldValueNotSupported', message)])];
}

function watchMatchFaults(match: string, initialEvents: boolean): readonly FieldFault[] {
  const needed = initialEvents && match !== 'NotOlderThan';
  const unsupported = `Unsupported value: ${shown(match)}: supported values: "NotOlderThan"`;
  return [
    ...(needed ? [forbids(matchField, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')] : []),
    ...(initialEvents || match === ''
      ? []
      : [forbids(matchField, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')]),
    ...(match === '' || match === 'NotOlderThan' ? [] : [fault(matchField, 'FieldValueNotSupported', unsupported)]),
  ];
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
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: ${shown(value)}: strconv.ParseUint: parsing ${shown(value)}: invalid syntax`,
  );
}

/** A parameter that is a number; 400 when its text is none. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (/^[-+]?\d{1,12}$/u.test(value)) return Number(value);
  throw badRequest(`strconv.ParseInt: parsing ${shown(value)}: invalid syntax`);
}
