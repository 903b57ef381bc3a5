import { ownerId, type Driver } from '#runtime/drivers/driver.ts';
import { applyTree, type TreeWorld } from './apply.ts';
import { conflictOf } from './conflict.ts';
import type { Tree, TreeAction } from './model.ts';
import { advanceTrees, observeTrees, type TreesSnapshot } from './observe.ts';
import { planTree } from './plan.ts';

const noTree: Tree = { directories: new Map(), kept: new Map() };

/** The directories of tenants and their domains, and what is kept of them. Looked at on every resync; a tenant's own changes are not drift. */
export const treeDriver: Driver<'tree', TreesSnapshot, Tree, TreeAction, TreeWorld> = {
  name: 'tree',
  nothing: noTree,
  normalize: (desired) => desired,
  observe: (world, signal) => observeTrees(world.host, signal),
  advance: advanceTrees,
  of: (owner, { trees }) => trees.get(ownerId(owner)) ?? noTree,
  plan: planTree,
  conflict: conflictOf,
  apply: applyTree,
};
