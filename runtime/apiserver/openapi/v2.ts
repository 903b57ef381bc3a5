import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { schemasOf, type NamedSchema } from './kind-schemas.ts';
import type { DocumentSchema } from './meta-schemas.ts';
import { operationsOf, type Operation } from './operations.ts';

type Written = Readonly<Record<string, unknown>>;

const PREFIX = '#/definitions/';

/** What OpenAPI v2 cannot say, or what clients that check by it would take for more than it is. */
const LEFT_OUT = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'nullable', 'example', 'x-kubernetes-validations']);

/**
 * The Swagger 2.0 document of everything that is served. Clients check `kind: List` manifests by it and refuse what it does not name, so it
 * is complete; where a custom resource says more than version 2 can, the place is left open instead.
 */
export function openApiV2Document(resources: readonly ResourceInfo[], serverVersion: string): Written {
  const byPath = Map.groupBy(resources.flatMap(operationsOf), ({ path }) => path);
  return {
    swagger: '2.0',
    info: { title: 'WCP360', version: serverVersion },
    paths: Object.fromEntries([...byPath].map(([path, ofPath]) => [path, pathItem(ofPath)])),
    definitions: Object.fromEntries([...schemasOf(resources)].map(([name, named]) => [name, definition(named)])),
  };
}

function pathItem(operations: readonly Operation[]): Written {
  return Object.fromEntries(operations.map((operation) => [operation.method, writeOperation(operation)]));
}

function writeOperation(operation: Operation): Written {
  const { group, version, kind } = operation.kind;
  const body =
    operation.body === undefined
      ? []
      : [
          {
            name: 'body',
            in: 'body',
            ...(operation.method === 'delete' ? {} : { required: true }),
            schema: { $ref: `${PREFIX}${operation.body}` },
          },
        ];
  return {
    tags: [`${group === '' ? 'core' : group}_${version}`],
    description: operation.description,
    operationId: operation.id,
    consumes: operation.action === 'patch' ? ['application/merge-patch+json', 'application/json-patch+json'] : ['*/*'],
    produces: ['application/json', 'application/yaml'],
    parameters: [
      ...body,
      ...operation.parameters.map((parameter) => ({
        ...parameter,
        uniqueItems: true,
        ...(parameter.in === 'path' ? { required: true } : {}),
      })),
    ],
    responses: {
      200: { description: 'OK', schema: { $ref: `${PREFIX}${operation.answer}` } },
      401: { description: 'Unauthorized' },
    },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function definition({ schema, kinds }: NamedSchema): Written {
  return { ...writeSchema(schema), ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }) };
}

function writeSchema(schema: DocumentSchema): Written {
  const { ref, properties, items, additionalProperties, ...own } = schema;
  if (ref !== undefined) return { ...own, $ref: `${PREFIX}${ref}` };
  const plain: Written = Object.fromEntries(Object.entries(own).filter(([key]) => !LEFT_OUT.has(key)));
  if (isOpen(schema)) {
    const { type: _type, required: _required, ...open } = plain;
    return open;
  }
  return {
    ...plain,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, writeSchema(child)])),
        }),
    ...(items === undefined ? {} : { items: writeSchema(items) }),
    // `true` means the same as nothing at all, and old clients cannot read it.
    ...(typeof additionalProperties === 'object' ? { additionalProperties: writeSchema(additionalProperties) } : {}),
  };
}

function isOpen(schema: DocumentSchema): boolean {
  return (
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    schema['x-kubernetes-int-or-string'] === true ||
    schema.nullable === true
  );
}
