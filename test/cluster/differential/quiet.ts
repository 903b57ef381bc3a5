import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { required } from '#runtime/base/errors.ts';
import { instanceFinalizer } from '#runtime/apiserver/registry/definition.ts';
import type { LabApi } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';
import { collectionPath, comparedKinds, isOwnName, type ComparedKind } from './kinds.ts';

/** An object with what controllers look at. */
interface Kept {
  readonly kind: ComparedKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly Reference[];
  };
  readonly spec?: { readonly finalizers?: readonly string[]; readonly hard?: Readonly<Record<string, unknown>> };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly hard?: Readonly<Record<string, unknown>>;
    readonly used?: Readonly<Record<string, unknown>>;
  };
}

interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly blockOwnerDeletion?: boolean;
}

/** For so long nothing happens at most: Kubernetes looks again at a namespace after a minute when it could not empty it, and it may be busy elsewhere. */
const patienceMs = 120_000;
const pollMs = 10;
const namespacedKinds = comparedKinds.filter(
  ({ kind, custom, namespaced }) => namespaced && !custom && kind !== 'Event',
);
const namespaceKind = required(
  comparedKinds.find(({ kind }) => kind === 'Namespace'),
  'the kind Namespace',
);

/** Resolves when every definition of a stream is served, or its names are those of another one, or others hold it while it goes. */
export async function untilServed(api: LabApi, path: string, namespace: string): Promise<void> {
  let last: readonly Definition[] = [];
  const look = async (): Promise<boolean> => {
    const { body } = await api.request('GET', path);
    const all = (body.items as readonly Definition[]).filter(({ metadata }) => isOwnName(metadata.name, namespace));
    last = all.filter((definition) => !isSettled(definition, all));
    return last.length === 0 && (await Promise.all(all.map((definition) => answers(api, definition)))).every(Boolean);
  };
  try {
    await eventually(look, 'definitions to be served', patienceMs);
  } catch (err) {
    throw new Error(JSON.stringify(last), { cause: err });
  }
}

/** Whether there is nothing to ask for, or it is answered: what goes before that is looked at again after minutes only. */
async function answers(api: LabApi, { metadata, spec, status }: Definition): Promise<boolean> {
  const version = spec.versions.find(({ served }) => served);
  if (version === undefined || metadata.deletionTimestamp !== undefined || !hasCondition(status, 'Established', 'True'))
    return true;
  const path = `/apis/${spec.group}/${version.name}/${status.acceptedNames.plural}?limit=1`;
  return (await api.request('GET', path)).status === 200;
}

interface Definition {
  readonly metadata: Kept['metadata'];
  readonly spec: {
    readonly group: string;
    readonly names: Names;
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  readonly status: {
    readonly acceptedNames: Names;
    readonly conditions: readonly { readonly type: string; readonly status: string }[] | null;
  };
}

interface Names {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
}

function isSettled({ metadata, spec, status }: Definition, all: readonly Definition[]): boolean {
  if (metadata.deletionTimestamp !== undefined) return !(metadata.finalizers ?? []).includes(instanceFinalizer);
  const others = all.filter((other) => other.metadata.name !== metadata.name);
  if (others.some((other) => isSharing(spec.names, other.status.acceptedNames)))
    return hasCondition(status, 'NamesAccepted', 'False');
  const isServed = hasCondition(status, 'NamesAccepted', 'True') && hasCondition(status, 'Established', 'True');
  return isServed && isDeepStrictEqual(spec.names, status.acceptedNames);
}

function hasCondition({ conditions }: Definition['status'], type: string, status: string): boolean {
  return (conditions ?? []).some((condition) => condition.type === type && condition.status === status);
}

function isSharing(some: Names, others: Names): boolean {
  const resources = ({ plural, singular = '', shortNames = [] }: Names) => [plural, singular, ...shortNames];
  const kinds = ({ kind, listKind = '' }: Names) => [kind, listKind];
  return [resources, kinds].some((of) => of(some).some((name) => name !== '' && of(others).includes(name)));
}

/** Resolves when controllers have nothing left to do with what a stream made in its namespace, and in those that it made. */
export async function untilQuiet(api: LabApi, namespace: string): Promise<void> {
  let unsettled: readonly Kept[] = [];
  let before: readonly string[] = [];
  for (let end = performance.now() + patienceMs; performance.now() < end; await delay(pollMs)) {
    const all = await keptIn(api, namespace);
    unsettled = unsettledOf(all);
    if (unsettled.length === 0) return;
    const now = all.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`);
    if (!isDeepStrictEqual(now, before)) end = performance.now() + patienceMs;
    before = now;
  }
  const names = unsettled.map(({ kind, metadata }) => `${kind.kind} ${JSON.stringify(metadata)}`);
  throw new Error(`waited in vain for controllers in ${namespace}: ${names.join('\n')}`);
}

async function keptIn(api: LabApi, namespace: string): Promise<readonly Kept[]> {
  const names = ['a', 'b', 'c'].map((name) => `${namespace}-${name}`);
  const found = (await Promise.all(names.map(async (name) => await namespaceAt(api, name)))).flat();
  const places = [namespace, ...found.map(({ metadata }) => metadata.name)];
  const listed = places.flatMap((place) =>
    namespacedKinds.map(async (kind) => await listOf(api, kind, collectionPath(kind, place))),
  );
  return [...found, ...(await Promise.all(listed)).flat()];
}

async function namespaceAt(api: LabApi, name: string): Promise<readonly Kept[]> {
  const { status, body } = await api.request('GET', `${collectionPath(namespaceKind)}/${name}`);
  return status === 200 ? [{ ...body, kind: namespaceKind }] : [];
}

async function listOf(api: LabApi, kind: ComparedKind, path: string): Promise<readonly Kept[]> {
  const { body } = await api.request('GET', path);
  return (body.items as readonly Kept[]).map((object) => ({ ...object, kind }));
}

/** What some controller still has to do something about. */
function unsettledOf(all: readonly Kept[]): readonly Kept[] {
  return all.filter(
    (kept) =>
      !(kept.metadata.deletionTimestamp === undefined ? isOwned(kept, all) : isWaiting(kept, all)) ||
      (kept.kind.kind === 'Namespace' && !isKeptNamespace(kept, all)) ||
      (kept.kind.kind === 'ResourceQuota' && !isCounted(kept, all)),
  );
}

/** Whether an object has nothing but owners that stay. What has no namespace cannot be owned by what is in one: nobody does anything about that. */
function isOwned({ metadata, kind }: Kept, all: readonly Kept[]): boolean {
  const { ownerReferences = [], namespace } = metadata;
  if (!kind.namespaced && ownerReferences.some((reference) => reference.kind !== 'Namespace')) return true;
  return ownerReferences.every((reference) => {
    const owner = all.find((each) => isOwner(each, reference, namespace));
    return owner !== undefined && !hasFinalizer(owner, 'foregroundDeletion');
  });
}

function isOwner({ kind, metadata }: Kept, reference: Reference, namespace: string | undefined): boolean {
  return (
    kind.kind === reference.kind &&
    metadata.name === reference.name &&
    metadata.uid === reference.uid &&
    (!kind.namespaced || metadata.namespace === namespace)
  );
}

function hasFinalizer({ metadata }: Kept, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);
}

/** Whether an object that goes waits for others than the garbage collector. */
function isWaiting(owner: Kept, all: readonly Kept[]): boolean {
  if (hasFinalizer(owner, 'orphan')) return false;
  if (!hasFinalizer(owner, 'foregroundDeletion')) return true;
  return all.some(({ metadata: { ownerReferences = [], namespace } }) =>
    ownerReferences.some(
      (reference) =>
        reference.uid === owner.metadata.uid &&
        reference.blockOwnerDeletion === true &&
        (!owner.kind.namespaced || owner.metadata.namespace === namespace),
    ),
  );
}

/** Whether a namespace has what it is given, or what keeps it while it goes. */
function isKeptNamespace({ metadata, spec, status }: Kept, all: readonly Kept[]): boolean {
  const content = all.filter((each) => each.metadata.namespace === metadata.name);
  if (metadata.deletionTimestamp === undefined)
    return ['kube-root-ca.crt', 'default'].every((name) => content.some((each) => each.metadata.name === name));
  if (!(spec?.finalizers ?? []).includes('kubernetes')) return true;
  const isHeld = content.length > 0 && content.every((each) => each.metadata.deletionTimestamp !== undefined);
  const said = status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining')?.message ?? '';
  const counts = said.match(/\d+(?= resource instances)/gu) ?? [];
  return isHeld && counts.reduce((sum, count) => sum + Number(count), 0) === content.length;
}

/** Whether a quota says what there is. */
function isCounted({ metadata, spec, status }: Kept, all: readonly Kept[]): boolean {
  const { hard = {} } = spec ?? {};
  const counts = Object.keys(hard).map((name) => {
    const resource = name.replace(/^count\//u, '').replace(/\..*$/u, '');
    const isOf = (each: Kept): boolean =>
      each.kind.resource === resource && each.metadata.namespace === metadata.namespace;
    return [name, String(all.filter(isOf).length)];
  });
  return (
    isDeepStrictEqual(Object.fromEntries(counts), status?.used ?? {}) && isDeepStrictEqual(hard, status?.hard ?? {})
  );
}
