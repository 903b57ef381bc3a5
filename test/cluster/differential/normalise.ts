import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import { isRecord } from '#runtime/base/json.ts';

/** Makes the answers of one server to one stream comparable: what the server chose itself becomes a word by the order in which it is seen. */
export interface Normaliser {
  (value: unknown): unknown;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const generated = /(?<=\bgen-)[bcdfghjklmnpqrstvwxz2456789]{5}\b/g;
const versionInText = /(?<=ResourceVersion in (?:(?:the precondition|record) \(|(?:precondition|object meta): ))\d+/g;
const fingerprint = /(?<=X509SHA256=)[0-9a-f]{64}/g;
const certificate = /-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n?/gs;
/** What a server calls itself, and its controllers. */
const serverNames = ['kube-controller-manager', 'kube-apiserver', 'wcp360-apiserver'];
/** Times that the stream sends are long past. */
const recent = /20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)/g;

/** `isAnonymous`: the same word for all, for what is told and never stored. */
export function normaliser(isAnonymous = false): Normaliser {
  const versions = new Map<string, string>();
  const names = new Map<string, string>();
  const wordFor = (known: Map<string, string>, name: string, value: string): string => {
    const word = known.get(value) ?? (isAnonymous ? `<${name}>` : `<${name} ${known.size + 1}>`);
    known.set(value, word);
    return word;
  };
  const text = (value: string): string =>
    value
      .replace(uuid, (found) => wordFor(names, 'uid', found))
      .replace(generated, (found) => wordFor(names, 'suffix', found))
      .replace(versionInText, (found) => wordFor(versions, 'version', found))
      .replace(recent, '<time>')
      .replace(fingerprint, '<fingerprint>')
      .replace(certificate, '<certificate>');
  const version = (metadata: Readonly<Record<string, unknown>>, isObject: boolean): unknown => {
    const { resourceVersion } = metadata;
    if (typeof resourceVersion !== 'string') return resourceVersion;
    return isObject ? wordFor(versions, 'version', resourceVersion) : '<version of a list>';
  };
  const normalise = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(normalise);
    if (!isRecord(value)) return value;
    const fields = Object.keys(value)
      .toSorted()
      .map((key) => [text(key), normaliseField(value, key)] as const);
    const named = Object.fromEntries(fields);
    return named['kind'] === 'Status' ? withSortedCauses(named) : named;
  };
  /** An age tells only when one looked. */
  const cells = (values: readonly unknown[]): unknown =>
    values.map((cell) => (typeof cell === 'string' ? text(cell).replace(/^(?:\d+s|<time>)$/u, '<age>') : cell));
  const normaliseField = (parent: Readonly<Record<string, unknown>>, key: string): unknown => {
    const value = parent[key];
    if (key === 'metadata' && isRecord(value)) return metadataOf(value, 'name' in value || 'uid' in value);
    return key === 'cells' && Array.isArray(value) ? cells(value) : normalise(value);
  };
  const metadataOf = (metadata: Readonly<Record<string, unknown>>, isObject: boolean): unknown => {
    const { resourceVersion: _, continue: more, managedFields, ...rest } = metadata;
    return {
      ...(normalise(rest) as object),
      ...('resourceVersion' in metadata && { resourceVersion: version(metadata, isObject) }),
      ...(more !== undefined && { continue: more === '' ? '' : '<continue>' }),
      ...(managedFields !== undefined && { managedFields: managers(managedFields) }),
    };
  };
  /** Their order depends on the second in which each wrote. */
  const managers = (entries: unknown): unknown =>
    Array.isArray(entries) ? asOneServer(entries.map(normalise)) : entries;
  return normalise;
}

/** Who ends the deletion of a definition comes to own the time of its condition, but not in the second in which the deletion began: the time is the same then. */
function withoutSecond(fields: unknown, isTerminating = false): unknown {
  if (!isRecord(fields)) return fields;
  const kept = Object.entries(fields).filter(([key]) => !(isTerminating && key === 'f:lastTransitionTime'));
  return Object.fromEntries(kept.map(([key, below]) => [key, withoutSecond(below, key === terminating)]));
}

const terminating = 'k:{"type":"Terminating"}';

/** Whichever of its programs wrote, the server did. */
function asOneServer(entries: readonly unknown[]): unknown {
  const byIdentity = new Map<string, Readonly<Record<string, unknown>>>();
  for (const entry of entries.filter(isRecord)) {
    const { fieldsV1, ...rest } = entry;
    const isServer = serverNames.includes(String(rest['manager']));
    const identity = { ...rest, ...(isServer && { manager: '<server>' }) };
    const key = JSON.stringify(identity);
    const before = byIdentity.get(key)?.['fieldsV1'] ?? {};
    const owned = applyMergePatch(before as never, fieldsV1 as never);
    byIdentity.set(key, { ...identity, fieldsV1: isServer ? withoutSecond(owned) : owned });
  }
  return [...byIdentity].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Kubernetes checks the fields of an object in the random order of a map, some of them twice, and its message says the same once more. */
function withSortedCauses(status: Readonly<Record<string, unknown>>): unknown {
  const { details, message } = status;
  const causes = isRecord(details) ? details['causes'] : undefined;
  const text = typeof message === 'string' ? message : '';
  if (!Array.isArray(causes)) return text === '' ? status : { ...status, message: withSortedLines(text) };
  const unique = new Map(causes.map((cause: unknown) => [JSON.stringify(cause), cause]));
  const sorted = [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, cause]) => cause);
  const isTold = /(is invalid: |with \d+ conflicts?).*/su;
  return { ...status, details: { ...(details as object), causes: sorted }, message: text.replace(isTold, '$1…') };
}

function withSortedLines(text: string): string {
  const [first = '', ...lines] = text.split('\n');
  return [first, ...lines.toSorted()].join('\n');
}
