import fc from 'fast-check';
import { comparedKinds, exampleOf, ownName, type ComparedKind } from './kinds.ts';
import type { Body, StreamRequest } from './request.ts';
import { changed, changesOf, type Change } from './values.ts';

type Texts = Readonly<Record<string, string>>;

/** A stream of requests for a few objects of a few kinds, so that most of them meet what others left. What fails is made shorter; its requests stay as they are. */
export const streams: fc.Arbitrary<readonly StreamRequest[]> = fc
  .subarray([...comparedKinds], { minLength: 1, maxLength: 3 })
  .chain((kinds) =>
    fc.array(fc.noShrink(fc.oneof(...kinds.map(requestsFor))), { minLength: 1, maxLength: 60, size: 'max' }),
  );

const requestsByKind = new Map<ComparedKind, fc.Arbitrary<StreamRequest>>();

export function requestsFor(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const offered = verbs
    .filter(({ of }) => of !== watches || !(kind.isWrittenByOthers || kind.isControlled))
    .filter(({ of }) => of !== subresources || kind.subresources.length > 0);
  const known =
    requestsByKind.get(kind) ?? fc.oneof(...offered.map(({ of, weight }) => ({ arbitrary: of(kind), weight })));
  requestsByKind.set(kind, known);
  return known;
}

const verbs: readonly { readonly weight: number; readonly of: (kind: ComparedKind) => fc.Arbitrary<StreamRequest> }[] =
  [
    { weight: 6, of: creates },
    { weight: 3, of: gets },
    { weight: 3, of: lists },
    { weight: 4, of: updates },
    { weight: 4, of: mergePatches },
    { weight: 3, of: jsonPatches },
    { weight: 6, of: applies },
    { weight: 4, of: subresources },
    { weight: 3, of: deletes },
    { weight: 1, of: collectionDeletes },
    { weight: 1, of: watches },
  ];

/** Mostly the first, now and then one of the others. */
function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { arbitrary: fc.constant(usual), weight: 9 },
    { arbitrary: fc.constantFrom(usual, ...others), weight: 1 },
  );
}

export function namesOf(kind: ComparedKind): fc.Arbitrary<string> {
  return fc.constantFrom('a', 'b', 'c').map((name) => ownName(kind, name));
}

/** Some of these parameters, seldom many. */
function queryOf(parameters: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<Texts> {
  const one = fc
    .constantFrom(...Object.keys(parameters))
    .chain((name) => fc.constantFrom(...(parameters[name] ?? [])).map((value) => [name, value] as const));
  return fc.oneof(
    { arbitrary: fc.constant({}), weight: 6 },
    { arbitrary: one.map((entry) => Object.fromEntries([entry])), weight: 2 },
    { arbitrary: fc.array(one, { maxLength: 3 }).map((entries) => Object.fromEntries(entries)), weight: 1 },
  );
}

const writeParameters = {
  dryRun: ['All', 'Some'],
  fieldManager: ['one', 'two', 'x'.repeat(129), 'ü\n'],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'Other'],
  pretty: ['true'],
};

/** Collections in which a controller puts objects of its own; those are left alone. */
const residences: ReadonlySet<string> = new Set(['configmaps', 'serviceaccounts']);

/** Without storing anything where others would write to what is stored. */
function writeQuery(
  { isWrittenByOthers }: ComparedKind,
  more: Readonly<Record<string, readonly string[]>> = {},
): fc.Arbitrary<Texts> {
  return queryOf({ ...writeParameters, ...more }).map((query) =>
    isWrittenByOthers ? { ...query, dryRun: 'All' } : query,
  );
}

const accepts = fc.oneof(
  { arbitrary: fc.constant({}), weight: 8 },
  {
    arbitrary: fc
      .constantFrom(
        'application/json;as=Table;v=v1;g=meta.k8s.io',
        'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
        'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
        'application/yaml',
        'text/html',
        '*/*',
      )
      .map((accept) => ({ accept })),
    weight: 1,
  },
);

export function objectOf(
  kind: ComparedKind,
  name: string,
  changes: readonly Change[],
): Readonly<Record<string, unknown>> {
  return changed(
    { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name }, ...exampleOf(kind, name) },
    changes,
  );
}

/** None in half of the cases. */
function fewChanges(kind: ComparedKind, least = 0): fc.Arbitrary<readonly Change[]> {
  return fc.oneof(
    fc.array(changesOf(kind), { minLength: least, maxLength: least }),
    fc.array(changesOf(kind), { minLength: 1, maxLength: 2 }),
  );
}

const noObjects = fc.constantFrom<Body>(
  { text: '' },
  { text: '{' },
  { text: '[]' },
  { text: 'null' },
  { text: '"text"' },
  { text: '{"kind":"x","kind":"y"}' },
);

function mostlyObjects(objects: fc.Arbitrary<Body>): fc.Arbitrary<Body> {
  return fc.oneof({ arbitrary: objects, weight: 24 }, { arbitrary: noObjects, weight: 1 });
}

function creates(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const objects = fc
    .tuple(namesOf(kind), fewChanges(kind))
    .map(([name, changes]): Body => ({ value: objectOf(kind, name, changes) }));
  return fc.record({
    method: fc.constant('POST'),
    kind: fc.constant(kind),
    namespace: mostly<string | null>('{namespace}', 'nowhere', null),
    query: writeQuery(kind),
    headers: accepts,
    body: mostlyObjects(objects),
  });
}

export function gets(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return fc.record({
    method: fc.constant('GET'),
    kind: fc.constant(kind),
    name: namesOf(kind),
    query: queryOf({ resourceVersion: ['0', '{now}', '{list}', 'x', '-1'], pretty: ['true'] }),
    headers: accepts,
  });
}

const labelSelectors = ['a=1', 'a==2', 'a!=1', 'a in (1,2)', 'a notin (2)', 'a', '!a', 'a=1,!b', 'x.io/y=z'];
const badLabelSelectors = ['a in', '=', 'a=b=c', '!', 'a in (1', 'a=ü', ',', 'a>x', 'bad key=1'];
const fieldSelectors = [
  'metadata.name=a',
  'metadata.name!=a',
  'metadata.namespace={namespace}',
  'type=Opaque',
  'spec.code=abc',
  'reason=Tried',
  'involvedObject.name=a',
];
const badFieldSelectors = ['spec.x=1', 'metadata.name', 'metadata.labels.a=1', '=', 'a=b=c', 'metadata.name=a,'];
const listParameters = {
  labelSelector: [...labelSelectors, ...badLabelSelectors],
  fieldSelector: [...fieldSelectors, ...badFieldSelectors],
  limit: ['1', '2', '0', '-1', 'x'],
  continue: ['{next}', 'none', 'e30='],
  resourceVersion: ['0', '{list}', 'x'],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'Other'],
};

export function lists(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return fc.record({
    method: fc.constant('GET'),
    kind: fc.constant(kind),
    query: queryOf(kind.namespaced ? listParameters : withoutPages),
    headers: accepts,
  });
}

const { limit: _limit, continue: _continue, ...withoutPages } = listParameters;

export function updates(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const bodies = fc.oneof(
    { arbitrary: fewChanges(kind, 1).map((changes): Body => ({ change: changed({}, changes) })), weight: 3 },
    {
      arbitrary: fc
        .tuple(namesOf(kind), fewChanges(kind).map(comparable))
        .map(([name, changes]): Body => ({ value: objectOf(kind, name, changes) })),
      weight: 1,
    },
  );
  return fc.record({
    method: fc.constant('PUT'),
    kind: fc.constant(kind),
    name: namesOf(kind),
    query: writeQuery(kind),
    headers: accepts,
    body: mostlyObjects(bodies),
  });
}

function mergePatches(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const types = ['application/merge-patch+json', 'application/strategic-merge-patch+json'];
  return fc.record({
    method: fc.constant('PATCH'),
    kind: fc.constant(kind),
    name: namesOf(kind),
    query: writeQuery(kind, { force: ['true'] }),
    headers: fc
      .oneof(
        { arbitrary: fc.constantFrom(...types), weight: 20 },
        { arbitrary: fc.constant('application/json'), weight: 1 },
      )
      .map((type) => ({ 'content-type': type })),
    body: mostlyObjects(fewChanges(kind, 1).map((changes): Body => ({ value: changed({}, changes) }))),
  });
}

function jsonPatches(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const step = fc
    .tuple(changesOf(kind), fc.constantFrom('add', 'replace', 'remove', 'test', 'copy', 'move', 'other'), pointers)
    .map(([{ path, value }, op, from]) => ({
      op,
      path: `/${path.replaceAll('[]', '.0').replaceAll('{}', '.key').replaceAll('.', '/')}`,
      ...(op === 'copy' || op === 'move' ? { from } : op === 'remove' ? {} : { value }),
    }));
  return fc.record({
    method: fc.constant('PATCH'),
    kind: fc.constant(kind),
    name: namesOf(kind),
    query: writeQuery(kind),
    headers: fc.constant({ 'content-type': 'application/json-patch+json' }),
    body: mostlyObjects(fc.array(step, { minLength: 0, maxLength: 2 }).map((value): Body => ({ value }))),
  });
}

const pointers = fc.constantFrom('/metadata/labels', '/metadata/name', '/data', '/spec', '/nowhere', 'x');

export function applies(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const query = fc
    .tuple(
      writeQuery(kind),
      mostly<Texts>({ fieldManager: 'one' }, { fieldManager: 'two' }, { fieldManager: 'three' }, {}),
      fc.constantFrom<Texts>({}, { force: 'true' }, { force: 'false' }),
    )
    .map(([some, manager, force]) => ({ ...some, ...manager, ...force }));
  return fc
    .tuple(namesOf(kind), fewChanges(kind).map(comparable), fc.boolean(), query)
    .chain(([name, changes, isWhole, asked]) => {
      const { apiVersion, kind: type } = kind;
      const config = { apiVersion, kind: type, metadata: { name }, ...(isWhole ? exampleOf(kind, name) : {}) };
      return fc.record({
        method: fc.constant('PATCH' as const),
        kind: fc.constant(kind),
        name: fc.constant(name),
        query: fc.constant(asked),
        headers: fc.constant({ 'content-type': 'application/apply-patch+yaml' }),
        body: mostlyObjects(fc.constant<Body>({ value: changed(config, changes) })),
      });
    });
}

/**
 * kube-apiserver makes an object that is deleted already when it is applied, or put, with a deletionTimestamp; nothing after that can be compared. It owns what
 * is null. An empty list or namespace is stored for a custom object, unseen, until the next write takes it out.
 */
function comparable(changes: readonly Change[]): readonly Change[] {
  return changes.filter(
    ({ path, value }) =>
      !path.startsWith('metadata.deletion') &&
      path !== 'metadata.creationTimestamp' &&
      value !== null &&
      !(
        /^metadata\.(?:finalizers|ownerReferences|namespace)$/u.test(path) &&
        ['""', '[]'].includes(JSON.stringify(value))
      ),
  );
}

export function subresources(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return fc.oneof(
    ...kind.subresources.map((subresource) => (subresource === 'scale' ? scales(kind) : partsOf(kind, subresource))),
  );
}

/** What is asked of an object, asked of a part of it, and mostly about what that part can change. */
function partsOf(kind: ComparedKind, subresource: string): fc.Arbitrary<StreamRequest> {
  const { status = {}, metadata = {}, spec = {} } = kind.schema.properties ?? {};
  const properties = subresource === 'finalize' ? { spec, metadata } : { status, metadata };
  const part = { ...kind, schema: { ...kind.schema, properties } };
  return fc
    .oneof(...[gets, updates, mergePatches, jsonPatches, applies].map((requests) => requests(part)))
    .map((request) => ({ ...request, kind, subresource }));
}

/** Not nought, which nobody comes to own in kube-apiserver. */
const replicas = fc.oneof(fc.constantFrom<unknown>(1, 2, 3), fc.constantFrom<unknown>(11, -1, 'x', 3.5, 2 ** 31));

/** An apply of a scale is left out: it is a merge patch here. */
function scales(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const identity = mostly<Texts>(
    { kind: 'Scale', apiVersion: 'autoscaling/v1' },
    { kind: 'Other', apiVersion: 'v9' },
    {},
  );
  const versions = mostly<Texts>(
    {},
    { resourceVersion: '{now}' },
    { resourceVersion: '{before}' },
    { resourceVersion: 'x' },
  );
  const whole = fc.tuple(namesOf(kind), identity, versions, replicas).map(([name, type, version, count]): Body => ({
    value: { ...type, metadata: { name, ...version }, spec: { replicas: count } },
  }));
  const parts = replicas.map((count): Body => ({ value: { spec: { replicas: count } } }));
  const steps = replicas.map((value): Body => ({ value: [{ op: 'replace', path: '/spec/replicas', value }] }));
  const asked: fc.Arbitrary<Pick<StreamRequest, 'method' | 'headers' | 'body'>> = fc.oneof(
    fc.constant({ method: 'GET' as const, headers: {} }),
    fc.record({ method: fc.constant('PUT' as const), headers: fc.constant({}), body: mostlyObjects(whole) }),
    patched('application/merge-patch+json', parts),
    patched('application/json-patch+json', steps),
  );
  return fc
    .tuple(asked, namesOf(kind), writeQuery(kind, { force: ['true'] }))
    .map(([request, name, query]) => ({ ...request, kind, name, subresource: 'scale', query }));
}

function patched(type: string, bodies: fc.Arbitrary<Body>) {
  const body = mostlyObjects(bodies);
  return fc.record({ method: fc.constant('PATCH' as const), headers: fc.constant({ 'content-type': type }), body });
}

const deleteOptions = fc.constantFrom<Readonly<Record<string, unknown>>>(
  {},
  { propagationPolicy: 'Background' },
  { propagationPolicy: 'Foreground' },
  { propagationPolicy: 'Orphan' },
  { propagationPolicy: 'Other' },
  { orphanDependents: true },
  { orphanDependents: true, propagationPolicy: 'Orphan' },
  { preconditions: { uid: '{uid}' } },
  { preconditions: { uid: 'x' } },
  { preconditions: { resourceVersion: '{now}' } },
  { preconditions: { resourceVersion: '{before}' } },
  { gracePeriodSeconds: 0 },
  { gracePeriodSeconds: -5 },
  { dryRun: ['All'] },
  { dryRun: ['None'] },
  { kind: 'DeleteOptions', apiVersion: 'v1' },
  { kind: 'Other', apiVersion: 'v1' },
  { unknown: 1 },
  { gracePeriodSeconds: 'x' },
);

/** Garbage collectors learn of custom kinds half a minute after they are defined; until then what waits for them waits. */
function isCollectedInTime(kind: ComparedKind, options: Readonly<Record<string, unknown>>): boolean {
  const { propagationPolicy, orphanDependents } = options;
  return (
    !kind.custom ||
    (propagationPolicy !== 'Foreground' && propagationPolicy !== 'Orphan' && orphanDependents === undefined)
  );
}

export function deletes(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return fc.record(
    {
      method: fc.constant('DELETE'),
      kind: fc.constant(kind),
      name: namesOf(kind),
      query: writeQuery(kind, {
        propagationPolicy: kind.custom ? ['Background', 'Other'] : ['Background', 'Foreground', 'Orphan', 'Other'],
        gracePeriodSeconds: ['0', 'x'],
        orphanDependents: kind.custom ? ['false'] : ['true', 'x'],
      }),
      headers: fc.constant({}),
      body: mostlyObjects(
        deleteOptions.filter((options) => isCollectedInTime(kind, options)).map((value): Body => ({ value })),
      ),
    },
    { requiredKeys: ['method', 'kind', 'name', 'query', 'headers'] },
  ) as fc.Arbitrary<StreamRequest>;
}

export function collectionDeletes(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  const { labelSelector, fieldSelector } = listParameters;
  return fc.record({
    method: fc.constant('DELETE'),
    kind: fc.constant(kind),
    // What has no namespace belongs to other streams, too: nothing of it carries such a label.
    query: writeQuery(kind, { labelSelector, fieldSelector }).map((query) =>
      !kind.namespaced
        ? { ...query, labelSelector: 'of={namespace}' }
        : !residences.has(kind.resource)
          ? query
          : { ...query, labelSelector: 'a' },
    ),
    headers: fc.constant({}),
  });
}

/** Those that end at once, and those that the stream's last object comes through. */
function watches(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return fc.record({
    method: fc.constant('GET'),
    kind: fc.constant(kind),
    query: queryOf({
      labelSelector: ['a=1', 'a', '!b', 'a in (1,3)', ...badLabelSelectors],
      // What selects one name would leave out the last object.
      fieldSelector: [
        'metadata.name!=a',
        ...badFieldSelectors.filter((selector) => !selector.startsWith('metadata.name=')),
      ],
      resourceVersion: ['{list}', '0', 'x'],
      resourceVersionMatch: ['NotOlderThan', 'Exact'],
      sendInitialEvents: ['true', 'false', 'x'],
      allowWatchBookmarks: ['true'],
    }).map((query) => ({ resourceVersion: '{list}', ...query, watch: 'true' })),
    headers: fc.constant({}),
  });
}
