export type { OwnedDirectory, Tree, TreeAction } from './model.ts';
export type { TreeWorld } from './apply.ts';
export { readCarriedUids, type TreesSnapshot } from './observe.ts';
export { treeDriver } from './tree-driver.ts';
