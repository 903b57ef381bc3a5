import { BugError, RefusedError, required } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { keyOf, resourceTypeOf } from '#runtime/client/resource-type.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { appliesNothing } from '#runtime/manager/apply-preview.ts';
import type { Cache, CacheIndex } from '#runtime/manager/cache.ts';
import { LABELS } from '#schemas/meta/names.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { childKeyOf, groupOf, kindOf, markedOwner, type Children, type ObjectsAction } from './children.ts';
import { createOverlay, type Overlay } from './overlay.ts';
import { planObjects, waitedFor, type ObjectsPlanner } from './plan-objects.ts';

/** What an objects driver acts on. */
export interface ObjectsWorld {
  readonly client: Client;
  readonly cache: Cache;
}

export interface ObjectsDriverOptions<Name extends string> {
  readonly name: Name;
  /** Begins with `wcp360-`, of this controller alone. */
  readonly fieldManager: string;
  /** Kinds of the children; their changes reach the owner by the controller's watches. */
  readonly kinds: readonly KindDefinition[];
  /** What is not wanted any more stays, for somebody else to end. Unless given it is deleted. */
  readonly leavesUnwanted?: boolean;
  /** Whether an object that stands in the place of a child, and is not ours, may be taken over. Unless given: when it carries the same tenant label. */
  readonly adopts?: (live: KubeObject, manifest: KubeObject) => boolean;
}

/** A driver whose look-ups need an index; the manager adds it. */
export interface ObjectsDriver<Name extends string, W extends ObjectsWorld> extends Driver<
  Name,
  Cache,
  Children,
  ObjectsAction<Name>,
  W
> {
  readonly reads: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[];
}

/**
 * Child objects in the API, with the contract of every other driver, so that a diff shows them and deletion undoes them.
 *
 * Guarantees: a child is ours when it carries our mark (owner annotation and an entry of our field manager); nothing else is ever changed or deleted,
 * but taken over where `adopts` allows; deletions name the uid. What we have just written counts at once, whatever the cache shows.
 * Errors: RefusedError `ObjectExists` when somebody else's object stands in the place of a child. Secrets cannot be children: their values would stand in plans.
 */
export function createObjectsDriver<Name extends string, W extends ObjectsWorld = ObjectsWorld>(
  options: ObjectsDriverOptions<Name>,
): ObjectsDriver<Name, W> {
  const { name, fieldManager, kinds } = options;
  if (kinds.some(({ group, kind }) => group === '' && kind === 'Secret')) throw new BugError('a Secret in a plan');
  const overlay = createOverlay();
  const index: CacheIndex = {
    name: `children of ${fieldManager}`,
    valuesOf: (object) => {
      const owner = markedOwner(object, fieldManager);
      return owner === undefined ? [] : [owner];
    },
  };
  const planner: ObjectsPlanner<Name> = { ...options, appliedTo: (live) => overlay.appliedTo(live) };
  const acting = { ...options, overlay, serially: createSerializer() };
  return {
    name,
    nothing: new Map(),
    reads: kinds.map((kind) => ({ kind, index })),
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    // The snapshot is the cache itself, and what it does not show yet is in the overlay.
    advance: (cache) => cache,
    of: (owner, cache) => overlay.over(ownerId(owner), cachedChildren(kinds, index.name, { owner, cache })),
    plan: (owner, desired, observed) => planObjects(planner, owner, { desired, observed }),
    waitsFor: (_owner, desired, observed) =>
      options.leavesUnwanted === true ? undefined : waitedFor(desired, observed),
    apply: async (action, world, signal) => await applyAction(acting, action, { client: world.client, signal }),
  };
}

function cachedChildren(
  kinds: readonly KindDefinition[],
  index: string,
  from: { readonly owner: Owner; readonly cache: Cache },
): Children {
  const children = new Map<string, KubeObject>();
  const id = ownerId(from.owner);
  for (const kind of kinds) {
    for (const object of from.cache.byIndex(kind, index, id)) children.set(childKeyOf(object), object);
  }
  return children;
}

interface Acting<Name extends string> extends ObjectsDriverOptions<Name> {
  readonly overlay: Overlay;
  readonly serially: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

interface Reach {
  readonly client: Client;
  readonly signal: AbortSignal;
}

async function applyAction<Name extends string>(
  acting: Acting<Name>,
  action: ObjectsAction<Name>,
  reach: Reach,
): Promise<void> {
  switch (action.op) {
    case 'apply-object': {
      const { manifest } = action.input;
      // Two owners that want the same name must not both find it free.
      return await acting.serially(childKeyOf(manifest), async () => await applyObject(acting, action.input, reach));
    }
    case 'delete-object':
      return await deleteObject(acting, action.input, reach);
  }
}

async function applyObject(
  acting: Acting<string>,
  input: Extract<ObjectsAction, { op: 'apply-object' }>['input'],
  reach: Reach,
): Promise<void> {
  const { fieldManager, overlay } = acting;
  const { manifest, owner } = input;
  const { client, signal } = reach;
  const type = resourceTypeOf(definitionOf(acting, groupOf(manifest), manifest.kind));
  if (input.isNew) refuseForeign(acting, input, await client.get(type, keyOf(manifest), signal));
  const object = await client.apply(type, manifest, { fieldManager, force: true, signal });
  const { deletionTimestamp, finalizers = [], uid = '' } = object.metadata;
  if (deletionTimestamp !== undefined && finalizers.length === 0) {
    // The last finalizer went with this very write, and the object with it.
    overlay.deleted(owner, childKeyOf(manifest), { uid, object: undefined });
    return;
  }
  const respelled = appliesNothing(object, manifest, { manager: fieldManager }) ? undefined : manifest;
  overlay.applied(owner, childKeyOf(manifest), { object, respelled, isNew: input.isNew });
}

function refuseForeign(
  acting: Acting<string>,
  input: { readonly owner: string; readonly manifest: KubeObject },
  live: KubeObject | undefined,
): void {
  const { manifest, owner } = input;
  if (live === undefined || markedOwner(live, acting.fieldManager) === owner) return;
  const adopts = acting.adopts ?? hasSameTenant;
  if (markedOwner(live, acting.fieldManager) === undefined && adopts(live, manifest)) return;
  throw new RefusedError(
    'ObjectExists',
    `${manifest.kind} ${manifest.metadata.name} exists and belongs to somebody else.`,
  );
}

function hasSameTenant(live: KubeObject, manifest: KubeObject): boolean {
  const tenant = manifest.metadata.labels?.[LABELS.tenant];
  return tenant !== undefined && live.metadata.labels?.[LABELS.tenant] === tenant;
}

async function deleteObject(
  acting: Acting<string>,
  input: Extract<ObjectsAction, { op: 'delete-object' }>['input'],
  reach: Reach,
): Promise<void> {
  const { owner, group, kind, key, uid } = input;
  const definition = definitionOf(acting, group, kind);
  const childKey = `${group}/${kind}/${key.namespace ?? ''}/${key.name}`;
  try {
    const options = { preconditions: { uid }, propagationPolicy: 'Background', signal: reach.signal } as const;
    const object = await reach.client.delete(resourceTypeOf(definition), key, options);
    const isHeld = object?.metadata.finalizers !== undefined || definition.kind === 'Namespace';
    acting.overlay.deleted(owner, childKey, { uid, object: isHeld ? object : undefined });
  } catch (err) {
    // Another object of the same name stands there by now; a namespace may be on its way already.
    if (!isStatus(err, 409)) throw err;
  }
}

function definitionOf(acting: Acting<string>, group: string, kind: string): KindDefinition {
  return required(kindOf(acting.kinds, group, kind), `the kind ${kind}.${group} of a child object`);
}

/** Runs work of the same key one after the other. */
function createSerializer(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return await work();
    })();
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
