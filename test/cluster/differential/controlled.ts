import fc from 'fast-check';
import { required } from '#runtime/base/errors.ts';
import { comparedKinds, keyOf, ownName, type ComparedKind } from './kinds.ts';
import type { Body, StreamRequest } from './request.ts';
import { collectionDeletes, deletes, gets, lists, namesOf, objectOf } from './requests.ts';
import { changed, type Change } from './values.ts';

type Fields = Readonly<Record<string, unknown>>;

function controlled(kind: string): ComparedKind {
  const found = required(
    comparedKinds.find((each) => each.kind === kind),
    kind,
  );
  return { ...found, subresources: [], isWrittenByOthers: false, isControlled: true };
}

const namespaces = controlled('Namespace');
const quotas = controlled('ResourceQuota');
const kinds = [...['ConfigMap', 'Secret', 'Lease', 'Role'].map(controlled), namespaces, quotas];

/**
 * Streams in which controllers have their say: owners and what they own, namespaces with content, quotas that refuse. Each request is asked when the
 * controllers of both servers have come to an end with what the last one made, so that all answers can be compared; a watch would tell how they came there.
 */
export const controlledStreams: fc.Arbitrary<readonly StreamRequest[]> = fc
  .subarray(kinds, { minLength: 1, maxLength: 3 })
  .chain((among) => {
    const places = among.includes(namespaces) ? ['{namespace}', '{namespace}-a'] : ['{namespace}'];
    const requests = fc.oneof(...among.map((kind) => requestsFor(kind, among)));
    const placed = fc
      .tuple(requests, fc.constantFrom(...places))
      .map(([request, namespace]) => (request.kind.namespaced ? { ...request, namespace } : request));
    const ends = among.flatMap((kind) =>
      (kind.namespaced ? places : [null]).map((namespace): StreamRequest => ({
        method: 'GET',
        kind,
        namespace,
        query: {},
        headers: {},
      })),
    );
    return fc
      .array(fc.noShrink(placed), { minLength: 1, maxLength: 24, size: 'max' })
      .map((asked) => [...asked, ...ends]);
  });

function requestsFor(kind: ComparedKind, among: readonly ComparedKind[]): fc.Arbitrary<StreamRequest> {
  const changes = kind === quotas ? limits : tiesAmong(among);
  return fc.oneof(
    { arbitrary: creates(kind, changes), weight: 8 },
    { arbitrary: patches(kind, changes), weight: 3 },
    { arbitrary: releases(kind), weight: 2 },
    { arbitrary: deletes(kind), weight: 5 },
    { arbitrary: gets(kind), weight: 3 },
    { arbitrary: lists(kind), weight: 1 },
    { arbitrary: collectionDeletes(kind), weight: kind === namespaces ? 0 : 1 },
  );
}

const finalizers = fc.constantFrom<readonly string[]>(
  ['test.wcp360.io/a'],
  ['test.wcp360.io/a', 'test.wcp360.io/b'],
  ['orphan'],
  ['foregroundDeletion', 'test.wcp360.io/a'],
);

/** Owners and finalizers. Whether what does not block its owner goes before or after it, is chance in Kubernetes: settlements look at that. */
function tiesAmong(among: readonly ComparedKind[]): fc.Arbitrary<readonly Change[]> {
  const names = fc.constantFrom('a', 'b', 'c');
  const reference = fc
    .record({
      kind: fc.constantFrom(...among),
      name: names,
      other: names,
      isNamesake: often,
    })
    .map(({ kind, name, other, isNamesake }) => ({
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      name: ownName(kind, name),
      uid: `{uid:${keyOf(kind, ownName(kind, isNamesake ? name : other))}}`,
      blockOwnerDeletion: true,
    }));
  const owned = fc
    .array(reference, { minLength: 1, maxLength: 2 })
    .map((value) => ({ path: 'metadata.ownerReferences', value }));
  const held = finalizers.map((value) => ({ path: 'metadata.finalizers', value }));
  return fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    { arbitrary: fc.tuple(owned), weight: 3 },
    { arbitrary: fc.tuple(held), weight: 1 },
    { arbitrary: fc.tuple(owned, held), weight: 1 },
  );
}

const often = fc.oneof({ arbitrary: fc.constant(true), weight: 9 }, { arbitrary: fc.constant(false), weight: 1 });

const limited = [
  'configmaps',
  'count/configmaps',
  'secrets',
  'count/leases.coordination.k8s.io',
  'count/roles.rbac.authorization.k8s.io',
];

const limits: fc.Arbitrary<readonly Change[]> = fc
  .dictionary(fc.constantFrom(...limited), fc.constantFrom<unknown>(0, 1, 2, '3'), { minKeys: 1, maxKeys: 3 })
  .map((hard) => [{ path: 'spec.hard', value: hard }]);

function creates(kind: ComparedKind, changes: fc.Arbitrary<readonly Change[]>): fc.Arbitrary<StreamRequest> {
  return fc.tuple(namesOf(kind), changes, fc.constantFrom<Fields>({}, { a: '1' })).map(([name, made, labels]) => ({
    method: 'POST',
    kind,
    query: {},
    headers: {},
    body: { value: objectOf(kind, name, [...made, { path: 'metadata.labels', value: labels }]) },
  }));
}

function patches(kind: ComparedKind, changes: fc.Arbitrary<readonly Change[]>): fc.Arbitrary<StreamRequest> {
  return fc.tuple(namesOf(kind), changes).map(([name, made]) => patch(kind, name, { value: changed({}, made) }));
}

/** Takes away what holds an object. */
function releases(kind: ComparedKind): fc.Arbitrary<StreamRequest> {
  return namesOf(kind).map((name) => patch(kind, name, { value: { metadata: { finalizers: null } } }));
}

function patch(kind: ComparedKind, name: string, body: Body): StreamRequest {
  return { method: 'PATCH', kind, name, query: {}, headers: { 'content-type': 'application/merge-patch+json' }, body };
}
