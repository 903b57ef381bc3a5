import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { API_VERSION, KIND, META_SCHEMAS, type DocumentSchema } from './meta-schemas.ts';
import { metaName, schemaName, type GroupVersionKind } from './names.ts';

/** A named schema; `kinds` are those whose objects it describes, none for parts of objects. */
export interface NamedSchema {
  readonly schema: DocumentSchema;
  readonly kinds: readonly GroupVersionKind[];
}

/** DeleteOptions and Status may be sent to and come from every group. */
const EVERYWHERE = new Set(['DeleteOptions', 'Status']);

const SCALE: DocumentSchema = {
  type: 'object',
  description: 'How many replicas an object has.',
  properties: {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { ref: metaName('ObjectMeta'), description: 'Standard metadata.' },
    spec: {
      type: 'object',
      description: 'What is wanted.',
      properties: { replicas: { type: 'integer', format: 'int32', description: 'Number of replicas wanted.' } },
    },
    status: {
      type: 'object',
      description: 'What is.',
      required: ['replicas'],
      properties: {
        replicas: { type: 'integer', format: 'int32', description: 'Number of replicas there are.' },
        selector: { type: 'string', description: 'Label selector of the replicas.' },
      },
    },
  },
};

/** All schemas that the operations of some resources refer to, by name: kinds, their lists, kinds of subresources and meta/v1. */
export function schemasOf(resources: readonly ResourceInfo[]): ReadonlyMap<string, NamedSchema> {
  const schemas = new Map<string, NamedSchema>(
    Object.keys(META_SCHEMAS).map((kind) => [metaName(kind), metaSchema(kind, resources)]),
  );
  for (const resource of resources) {
    schemas.set(schemaName(resource), { schema: kindSchema(resource), kinds: [kindOf(resource)] });
    if (!resource.verbs.includes('list')) continue;
    const list = { group: resource.group, version: resource.version, kind: resource.listKind };
    schemas.set(schemaName(list), { schema: listSchema(resource), kinds: [list] });
  }
  for (const subresource of resources.flatMap(({ subresources }) => subresources)) {
    const name = schemaName(subresource);
    if (schemas.has(name)) continue;
    const schema = subresource.kind === 'Scale' ? SCALE : freeForm(subresource.kind);
    schemas.set(name, { schema, kinds: [kindOf(subresource)] });
  }
  return schemas;
}

function kindOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind };
}

function metaSchema(kind: string, resources: readonly ResourceInfo[]): NamedSchema {
  const schema = withMetaRefs(META_SCHEMAS[kind] ?? {});
  if (!EVERYWHERE.has(kind)) return { schema, kinds: [] };
  const versions = new Map(resources.map(({ group, version }) => [`${group}/${version}`, { group, version, kind }]));
  return { schema, kinds: [...new Map([['/v1', { group: '', version: 'v1', kind }], ...versions]).values()] };
}

/** Inside meta/v1 the schemas name each other by kind alone. */
function withMetaRefs(schema: DocumentSchema): DocumentSchema {
  return {
    ...schema,
    ...(schema.ref === undefined ? {} : { ref: metaName(schema.ref) }),
    ...(schema.items === undefined ? {} : { items: withMetaRefs(schema.items) }),
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, child]) => [name, withMetaRefs(child)]),
          ),
        }),
  };
}

function kindSchema(resource: ResourceInfo): DocumentSchema {
  const { schema } = resource;
  return {
    ...withEmbeddedFields(schema),
    type: 'object',
    properties: {
      apiVersion: API_VERSION,
      kind: KIND,
      ...withEmbeddedFields(schema).properties,
      metadata: { ref: metaName('ObjectMeta'), description: 'Standard metadata.' },
    },
  };
}

function listSchema(resource: ResourceInfo): DocumentSchema {
  return {
    type: 'object',
    description: `A list of objects of kind ${resource.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { ref: metaName('ListMeta'), description: 'Standard metadata of lists.' },
      items: { type: 'array', description: 'The objects.', items: { ref: schemaName(resource) } },
    },
  };
}

function freeForm(kind: string): DocumentSchema {
  return { type: 'object', description: `An object of kind ${kind}.`, 'x-kubernetes-preserve-unknown-fields': true };
}

/** Objects inside of objects have the fields of every resource, which their schema does not name. */
function withEmbeddedFields(schema: Schema): DocumentSchema {
  const { properties, items, additionalProperties, ...own } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const children = Object.entries(properties ?? {}).map(([name, child]) => [name, withEmbeddedFields(child)] as const);
  const embedded = isEmbedded
    ? [
        ['apiVersion', API_VERSION] as const,
        ['kind', KIND] as const,
        ['metadata', { ref: metaName('ObjectMeta') }] as const,
      ]
    : [];
  const all: readonly (readonly [string, DocumentSchema])[] = [...embedded, ...children];
  return {
    ...own,
    ...(all.length === 0 ? {} : { properties: Object.fromEntries<DocumentSchema>(all) }),
    ...(items === undefined ? {} : { items: withEmbeddedFields(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean' ? additionalProperties : withEmbeddedFields(additionalProperties),
        }),
  };
}
