import type { Schema } from '#schemas/meta/schema.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { apiVersionOfType } from '#runtime/client/resource-type.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';

export interface ExplainOptions {
  readonly recursive?: boolean;
}

/** A schema of the OpenAPI document: as ours, with references. */
interface DocumentSchema extends Omit<Schema, 'properties' | 'items' | 'allOf' | 'additionalProperties'> {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly items?: DocumentSchema;
  readonly allOf?: readonly DocumentSchema[];
  readonly additionalProperties?: DocumentSchema | boolean;
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, DocumentSchema>> };
}

/** `wcpctl explain TYPE[.FIELD…]`: the documentation of a kind or of one of its fields. */
export async function explain(session: Session, path: string, options: ExplainOptions): Promise<void> {
  const mapper = await session.mapper();
  const [word = '', ...fields] = path.split('.');
  const type = mapper.named(word);
  const document = await readDocument(session, type);
  const root = Object.values(document.components?.schemas ?? {}).find((schema) =>
    schema['x-kubernetes-group-version-kind']?.some(
      ({ group, version, kind }) => group === type.group && version === type.version && kind === type.kind,
    ),
  );
  if (root === undefined) throw new UsageError(`the server tells nothing of ${type.kind}`);
  const schema = fieldAt(document, resolve(document, root), { fields, kind: type.kind });
  session.io.out(
    [
      ...(type.group === '' ? [] : [`GROUP:      ${type.group}`]),
      `KIND:       ${type.kind}`,
      `VERSION:    ${type.version}`,
      '',
      ...(fields.length === 0 ? [] : [`FIELD: ${fields.at(-1) ?? ''} <${typeName(schema)}>`, '']),
      'DESCRIPTION:',
      `    ${schema.description ?? '<no description>'}`,
      ...details(schema),
      ...fieldLines(document, schema, options.recursive ?? false),
      '',
    ].join('\n'),
  );
}

async function readDocument(session: Session, type: DiscoveredResource): Promise<OpenApiDocument> {
  const path = type.group === '' ? `/openapi/v3/api/${type.version}` : `/openapi/v3/apis/${apiVersionOfType(type)}`;
  const answer = await (await session.client()).raw('GET', path, { signal: session.io.signal });
  return JSON.parse(answer.body) as OpenApiDocument;
}

/** Follows references, and the `allOf` of one that carries a description beside it. */
function resolve(document: OpenApiDocument, schema: DocumentSchema): DocumentSchema {
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return resolve(document, document.components?.schemas?.[name] ?? {});
  const [only] = schema.allOf ?? [];
  if (only === undefined || schema.properties !== undefined) return schema;
  const { allOf: _, ...own } = schema;
  return { ...resolve(document, only), ...own };
}

function fieldAt(
  document: OpenApiDocument,
  root: DocumentSchema,
  { fields, kind }: { readonly fields: readonly string[]; readonly kind: string },
): DocumentSchema {
  return fields.reduce((schema, field) => {
    const found = inner(document, schema).properties?.[field];
    if (found === undefined) throw new UsageError(`field "${field}" does not exist in ${kind}`);
    return resolve(document, found);
  }, root);
}

/** What an array or a map holds, as far as it has fields. */
function inner(document: OpenApiDocument, schema: DocumentSchema): DocumentSchema {
  const content =
    schema.items ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
  return content === undefined ? schema : inner(document, resolve(document, content));
}

function typeName(schema: DocumentSchema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.type === 'array') return `[]${schema.items === undefined ? '' : typeName(schema.items)}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `map[string]${typeName(schema.additionalProperties)}`;
  return schema.type === undefined || schema.type === 'object' ? 'Object' : schema.type;
}

function details(schema: DocumentSchema): readonly string[] {
  return [
    ...(schema.enum === undefined ? [] : [`ENUM: ${schema.enum.map(String).join(', ')}`]),
    ...(schema.default === undefined ? [] : [`DEFAULT: ${JSON.stringify(schema.default)}`]),
    ...(schema.pattern === undefined ? [] : [`PATTERN: ${schema.pattern}`]),
  ].map((line) => `    ${line}`);
}

function fieldLines(document: OpenApiDocument, schema: DocumentSchema, recursive: boolean): readonly string[] {
  const lines = recursive ? treeLines(document, schema, '  ') : flatLines(document, schema);
  return lines.length === 0 ? [] : ['', 'FIELDS:', ...lines];
}

function flatLines(document: OpenApiDocument, schema: DocumentSchema): readonly string[] {
  const { properties = {}, required = [] } = inner(document, schema);
  return Object.keys(properties)
    .toSorted()
    .flatMap((name) => {
      const field = resolve(document, properties[name] ?? {});
      const mark = required.includes(name) ? ' -required-' : '';
      return [`  ${name}\t<${typeName(field)}>${mark}`, `    ${field.description ?? '<no description>'}`, ''];
    });
}

function treeLines(document: OpenApiDocument, schema: DocumentSchema, indent: string): readonly string[] {
  const { properties = {} } = inner(document, schema);
  return Object.keys(properties)
    .toSorted()
    .flatMap((name) => {
      const field = resolve(document, properties[name] ?? {});
      return [
        `${indent}${name}\t<${typeName(field)}>`,
        ...(indent.length > 24 ? [] : treeLines(document, field, `${indent}  `)),
      ];
    });
}
