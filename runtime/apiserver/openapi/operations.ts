import type { ResourceInfo, SubresourceInfo, Verb } from '#runtime/apiserver/operations.ts';
import { documentKey, metaName, schemaName, type GroupVersionKind } from './names.ts';
import { NAME_PARAMETER, NAMESPACE_PARAMETER, QUERY_PARAMETERS, type Action, type Parameter } from './parameters.ts';

/** One operation, before it is written down in the style of either OpenAPI version. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly action: Action;
  readonly id: string;
  readonly description: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** Names of schemas. */
  readonly body?: string;
  readonly answer: string;
}

type Shape = Pick<Operation, 'method' | 'action' | 'description'> & { readonly body: Body; readonly answer: Answer };
type Body = 'none' | 'object' | 'patch' | 'deleteOptions';
type Answer = 'object' | 'list' | 'status';

type Shapes = Readonly<Partial<Record<Verb, Shape>>>;

const LISTING: Shapes = {
  list: {
    method: 'get',
    action: 'list',
    description: 'Lists or watches objects of kind',
    body: 'none',
    answer: 'list',
  },
};

const CREATION: Shapes = {
  create: {
    method: 'post',
    action: 'post',
    description: 'Creates an object of kind',
    body: 'object',
    answer: 'object',
  },
};

const COLLECTION: Shapes = {
  ...LISTING,
  ...CREATION,
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    description: 'Deletes all selected objects of kind',
    body: 'deleteOptions',
    answer: 'status',
  },
};

const SINGLE: Shapes = {
  get: { method: 'get', action: 'get', description: 'Reads an object of kind', body: 'none', answer: 'object' },
  update: { method: 'put', action: 'put', description: 'Replaces an object of kind', body: 'object', answer: 'object' },
  patch: {
    method: 'patch',
    action: 'patch',
    description: 'Changes an object of kind',
    body: 'patch',
    answer: 'object',
  },
  delete: {
    method: 'delete',
    action: 'delete',
    description: 'Deletes an object of kind',
    body: 'deleteOptions',
    answer: 'status',
  },
};

/** Everything that can be done with a resource and its subresources. */
export function operationsOf(resource: ResourceInfo): readonly Operation[] {
  const base = `/${documentKey(resource.group, resource.version)}`;
  const inNamespace = resource.namespaced ? [NAMESPACE_PARAMETER] : [];
  const collection = resource.namespaced
    ? `${base}/namespaces/{namespace}/${resource.resource}`
    : `${base}/${resource.resource}`;
  const context = { resource, path: collection, parameters: inNamespace };
  const everywhere = { ...context, path: `${base}/${resource.resource}`, parameters: [], suffix: 'ForAllNamespaces' };
  const single = { ...context, path: `${collection}/{name}`, parameters: [NAME_PARAMETER, ...inNamespace] };
  return [
    ...operations(COLLECTION, context),
    ...(resource.namespaced ? operations(LISTING, everywhere) : []),
    ...operations(SINGLE, single),
    ...resource.subresources.flatMap((subresource) => subresourceOperations(single, subresource)),
  ];
}

interface Context {
  readonly resource: ResourceInfo;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly subresource?: SubresourceInfo;
  readonly suffix?: string;
}

function subresourceOperations(single: Context, subresource: SubresourceInfo): readonly Operation[] {
  const context = {
    ...single,
    path: `${single.path}/${subresource.name}`,
    subresource,
    suffix: capital(subresource.name),
  };
  return operations({ ...SINGLE, ...CREATION }, context);
}

function operations(shapes: Shapes, context: Context): readonly Operation[] {
  const verbs = context.subresource?.verbs ?? context.resource.verbs;
  return Object.entries(shapes).flatMap(([verb, shape]) =>
    verbs.some((one) => one === verb) ? [operation(shape, context)] : [],
  );
}

function operation(shape: Shape, context: Context): Operation {
  const { resource, path, subresource, parameters } = context;
  const kind = subresource ?? resource;
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const body = bodyName(shape.body, gvk);
  return {
    path,
    method: shape.method,
    action: shape.action,
    id: `${shape.action}${capital(resource.group.replaceAll(/\W/g, ''))}${capital(resource.version)}${resource.namespaced && path.includes('{namespace}') ? 'Namespaced' : ''}${resource.kind}${context.suffix ?? ''}`,
    description: `${shape.description} ${kind.kind}.`,
    kind: gvk,
    parameters: [...QUERY_PARAMETERS[shape.action], ...parameters],
    ...(body === undefined ? {} : { body }),
    answer: answerName(shape.answer, gvk, resource),
  };
}

function bodyName(body: Body, kind: GroupVersionKind): string | undefined {
  switch (body) {
    case 'none':
      return undefined;
    case 'object':
      return schemaName(kind);
    case 'patch':
      return metaName('Patch');
    case 'deleteOptions':
      return metaName('DeleteOptions');
  }
}

function answerName(answer: Answer, kind: GroupVersionKind, resource: ResourceInfo): string {
  switch (answer) {
    case 'object':
      return schemaName(kind);
    case 'list':
      return schemaName({ ...kind, kind: resource.listKind });
    case 'status':
      return metaName('Status');
  }
}

function capital(text: string): string {
  return text === '' ? 'Core' : `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}
