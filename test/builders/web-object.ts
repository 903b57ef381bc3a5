import fc from 'fast-check';
import { applyConfiguration, trackUpdate } from '#runtime/apiserver/managed-fields/index.ts';
import type { Application, TrackedUpdate } from '#runtime/apiserver/managed-fields/index.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { KubeObject, ManagedFieldsEntry } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const text: Schema = { type: 'string' };

/** A custom kind with one field of each sort of ownership. */
export const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        host: text,
        count: { type: 'integer' },
        tls: { type: 'object', properties: { issuer: text, version: text } },
        env: { type: 'object', additionalProperties: text },
        nested: { type: 'object', additionalProperties: { type: 'object', properties: { a: text, b: text } } },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text, b: text } },
        aliases: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
        numbers: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'integer' } },
        plain: { type: 'array', items: text },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: { port: { type: 'integer' }, protocol: { ...text, default: 'TCP' }, name: text },
          },
        },
        headers: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: text, value: text, note: text } },
        },
        either: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { host: text, observed: { type: 'integer' } } },
  },
};

/** Of the Web. */
export const apiVersion = 'wcp.example/v1';
const start = Date.parse('2024-01-01T00:00:00Z');
/** RFC 3339 of a minute. */
export const at = (minute: number): string => `2024-01-01T00:${String(minute).padStart(2, '0')}:00Z`;

/** What a request says beside its object; `minute` is its time. */
export interface Given {
  readonly minute?: number;
  readonly subresource?: string;
  readonly force?: boolean;
  readonly metadata?: object;
  readonly schema?: Schema | undefined;
  readonly apiVersion?: string;
}

/** A Web with these fields. */
export const objectOf = (fields: object, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind: 'Web',
  metadata: { name: 'w', namespace: 'ns', ...metadata },
  ...fields,
});

/** What both functions under test want to know. */
export const common = (given: Given): Pick<TrackedUpdate, 'subresource' | 'apiVersion' | 'schema' | 'now'> => ({
  subresource: given.subresource ?? '',
  apiVersion: given.apiVersion ?? apiVersion,
  schema: 'schema' in given ? given.schema : schema,
  now: start + (given.minute ?? 0) * 60_000,
});

/** A create or update by a manager. */
export const update = (
  live: KubeObject | undefined,
  next: KubeObject,
  manager: string,
  given: Given = {},
): KubeObject => trackUpdate({ live, next, manager, ...common(given) });

/** A server-side apply by a manager. */
export const apply = (live: KubeObject | undefined, fields: object, manager: string, given: Given = {}): KubeObject => {
  const config = { ...objectOf(fields, given.metadata), apiVersion: given.apiVersion ?? apiVersion };
  const application: Application = { live, config, manager, force: given.force ?? false, ...common(given) };
  return applyConfiguration(application);
};

/** The entries of managedFields. */
export const entries = (object: KubeObject): readonly ManagedFieldsEntry[] => object.metadata.managedFields ?? [];

/** What each manager owns. */
export const owned = (object: KubeObject): Readonly<Record<string, unknown>> =>
  Object.fromEntries(entries(object).map(({ manager, fieldsV1 }) => [manager, fieldsV1]));

/** The spec. */
export const spec = (object: KubeObject): unknown => object['spec'];

/** The ApiError that a call throws. */
export const refusal = (act: () => unknown): ApiError => {
  try {
    act();
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('nothing was thrown');
};

const word = fc.constantFrom('a', 'b', 'c');
/** Any spec of a Web. */
export const specs = fc.record(
  {
    host: word,
    count: fc.integer({ min: 0, max: 2 }),
    tls: fc.record({ issuer: word, version: word }, { requiredKeys: [] }),
    env: fc.dictionary(word, word),
    whole: fc
      .dictionary(word, word)
      .map(({ a, b }) => ({ ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) })),
    aliases: fc.uniqueArray(word),
    plain: fc.array(word, { maxLength: 2 }),
    headers: fc.uniqueArray(fc.record({ name: word, value: word, note: word }, { requiredKeys: ['name'] }), {
      selector: ({ name }) => name,
    }),
    free: fc.dictionary(word, fc.oneof(word, fc.dictionary(word, word))),
  },
  { requiredKeys: [] },
);
