import { apiVersionOf, type KindDefinition } from '#schemas/meta/kind.ts';
import type { ObjectMeta } from '#schemas/meta/object.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Finalizers that the leader sets on an object for those who will work on it. */
export type Finalizers = ReadonlySet<string>;

export type PlacementAction = Action<
  'placement',
  'set-finalizer',
  { readonly namespace: string; readonly name: string; readonly uid: string; readonly finalizer: string }
>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

const FIELD_MANAGER = 'wcp360-placement';

/**
 * Sets finalizers on the owner itself, before its status names a host: from then on the host's agent takes part in its deletion.
 * Never drops one: that is for the agent, when its host is clean. Again, when somebody strips it. The snapshot is the cache itself.
 */
export function createPlacementDriver<W extends World>(
  kind: KindDefinition,
): Driver<'placement', Cache, Finalizers, PlacementAction, W> {
  const none: Finalizers = new Set();
  return {
    name: 'placement',
    nothing: none,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => new Set(cache.get(kind, keyOf(owner))?.metadata.finalizers ?? []),
    plan: (owner, desired, observed) =>
      [...desired].filter((finalizer) => !observed.has(finalizer)).map((finalizer) => setFinalizer(owner, finalizer)),
    apply: async (action, world, signal) => {
      const { namespace, name, uid, finalizer } = action.input;
      const metadata: ObjectMeta = { name, ...(namespace === '' ? {} : { namespace }), uid, finalizers: [finalizer] };
      const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
      await world.client.apply(resourceTypeOf(kind), object, { fieldManager: FIELD_MANAGER, force: true, signal });
    },
    settle: () => Promise.resolve(),
  };
}

function keyOf(owner: Owner): { readonly namespace?: string; readonly name: string } {
  return owner.namespace === '' ? { name: owner.name } : { namespace: owner.namespace, name: owner.name };
}

function setFinalizer(owner: Owner, finalizer: string): PlacementAction {
  const { kind, namespace, name, uid } = owner;
  return {
    driver: 'placement',
    op: 'set-finalizer',
    subject: `${kind}/${namespace === '' ? '' : `${namespace}/`}${name}/finalizers/${finalizer}`,
    reason: 'missing',
    disruption: 'none',
    changes: [{ field: 'metadata.finalizers', from: undefined, to: finalizer }],
    input: { namespace, name, uid, finalizer },
  };
}
