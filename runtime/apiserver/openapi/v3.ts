import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { schemasOf, type NamedSchema } from './kind-schemas.ts';
import type { DocumentSchema } from './meta-schemas.ts';
import { operationsOf, type Operation } from './operations.ts';

type Written = Readonly<Record<string, unknown>>;

const PREFIX = '#/components/schemas/';
const ANSWER_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const CUSTOM_PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
];
const PATCH_TYPES = [...CUSTOM_PATCH_TYPES, 'application/strategic-merge-patch+json'];

/** The OpenAPI 3.0 document of one group and version: every operation of its resources and the schemas they refer to, unstripped. */
export function openApiV3Document(resources: readonly ResourceInfo[], serverVersion: string): Written {
  const operations = resources.flatMap(operationsOf);
  const byPath = Map.groupBy(operations, ({ path }) => path);
  // kubectl reads here which patch to send; a group is either built in or defined by CRDs.
  const patchTypes = resources.some(({ custom }) => custom === true) ? CUSTOM_PATCH_TYPES : PATCH_TYPES;
  return {
    openapi: '3.0.0',
    info: { title: 'WCP360', version: serverVersion },
    paths: Object.fromEntries([...byPath].map(([path, ofPath]) => [path, pathItem(ofPath, patchTypes)])),
    components: {
      schemas: Object.fromEntries([...schemasOf(resources)].map(([name, named]) => [name, namedSchema(named)])),
    },
  };
}

function pathItem(operations: readonly Operation[], patchTypes: readonly string[]): Written {
  return Object.fromEntries(operations.map((operation) => [operation.method, writeOperation(operation, patchTypes)]));
}

function writeOperation(operation: Operation, patchTypes: readonly string[]): Written {
  const { group, version, kind } = operation.kind;
  return {
    tags: [`${group === '' ? 'core' : group}_${version}`],
    description: operation.description,
    operationId: operation.id,
    parameters: operation.parameters.map(({ type, ...parameter }) => ({
      ...parameter,
      ...(parameter.in === 'path' ? { required: true } : {}),
      schema: { type, uniqueItems: true },
    })),
    ...(operation.body === undefined ? {} : { requestBody: requestBody(operation, operation.body, patchTypes) }),
    responses: answers(operation),
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function requestBody(operation: Operation, body: string, patchTypes: readonly string[]): Written {
  const types = operation.action === 'patch' ? patchTypes : ['*/*'];
  const content = Object.fromEntries(types.map((type) => [type, { schema: { $ref: `${PREFIX}${body}` } }]));
  const isRequired = operation.action === 'post' || operation.action === 'put' || operation.action === 'patch';
  return { ...(isRequired ? { required: true } : {}), content };
}

function answers(operation: Operation): Written {
  const content = Object.fromEntries(
    ANSWER_TYPES.map((type) => [type, { schema: { $ref: `${PREFIX}${operation.answer}` } }]),
  );
  const created = operation.action === 'post' || operation.action === 'put' || operation.action === 'patch';
  return {
    200: { description: 'OK', content },
    ...(created ? { 201: { description: 'Created', content } } : {}),
    401: { description: 'Unauthorized' },
  };
}

function namedSchema({ schema, kinds }: NamedSchema): Written {
  return { ...writeSchema(schema), ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }) };
}

function writeSchema(schema: DocumentSchema): Written {
  const { ref, properties, items, additionalProperties, ...own } = schema;
  // Beside a bare $ref nothing else counts in OpenAPI 3.0.
  if (ref !== undefined) return { ...own, default: {}, allOf: [{ $ref: `${PREFIX}${ref}` }] };
  return {
    ...own,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, writeSchema(child)])),
        }),
    ...(items === undefined ? {} : { items: writeSchema(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean' ? additionalProperties : writeSchema(additionalProperties),
        }),
  };
}
