import { rfc3339 } from '#runtime/base/clock.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { objectFields } from './collect.ts';
import { compareObjects } from './compare.ts';
import { conflictError, findConflicts } from './conflicts.ts';
import { emptyObject } from './empty-object.ts';
import { hasPath, isSameSet, leaf, subtract, union, unionAll } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { forgivenFields, withLastApplied } from './last-applied.ts';
import { isSameManager, ofGroup, readManagers, withSet, writeManagers } from './managers.ts';
import type { Manager } from './managers.ts';
import { mergeMaps } from './merge.ts';
import { pruneValue } from './prune.ts';
import type { PruneSets } from './prune.ts';
import { scopeOf } from './scope.ts';
import type { Scope } from './scope.ts';
import { withManagedFields } from './track-update.ts';
import { rootSchemaOf } from './typed.ts';
import { configFaults } from './validate-config.ts';

/** A server-side apply. */
export interface Application {
  /** What is stored now; undefined when the apply creates. */
  readonly live: KubeObject | undefined;
  /** What the manager wants, as it sent it; the caller has set name and namespace from the URL. */
  readonly config: KubeObject;
  readonly manager: string;
  /** Takes fields from other managers instead of failing. */
  readonly force: boolean;
  /** Empty for the main resource. */
  readonly subresource: string;
  /** Of the URL; `config.apiVersion` must be the same. */
  readonly apiVersion: string;
  /** Of the kind at that version; undefined when it has none. */
  readonly schema: Schema | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Fields that this endpoint resets, such as `status` of the main resource of a kind with that subresource, or `status.certificate`. */
  readonly ignored?: readonly string[];
}

interface Work extends Application {
  readonly root: Schema;
  readonly scope: Scope;
}

/**
 * Merges a configuration into the live object and records what its manager owns (Kubernetes docs, "Server-Side Apply"). What the manager owned and no longer
 * sends is taken out, unless somebody else owns it; the same value as another manager's is shared. The result still wants defaulting, validation and admission,
 * and what is not the client's to be checked or reset: all of the configuration is merged, as Kubernetes does, which reads an object whole before it resets
 * a part. When nothing changes, the very live object is returned.
 *
 * Errors: ApiError 400 for `metadata.managedFields` or a wrong apiVersion; 409 with one cause `FieldManagerConflict` for each field that another manager owns
 * with another value; 500 with an empty reason when the configuration does not fit the schema.
 */
export function applyConfiguration(application: Application): KubeObject {
  checkConfig(application);
  const { live, config, schema } = application;
  const root = rootSchemaOf(schema);
  const work: Work = { ...application, root, scope: scopeOf(application.subresource, application.ignored) };
  const managers = managersBefore(work);
  const own: Manager = {
    name: work.manager,
    operation: 'Apply',
    apiVersion: work.apiVersion,
    subresource: work.subresource,
    time: rfc3339(work.now),
    set: objectFields(config, root, { mode: 'applied', scope: work.scope }),
    entry: undefined,
  };
  const last = managers.find((manager) => isSameManager(manager, own));
  const others = managers.filter((manager) => manager !== last);
  const owned = unionAll([own.set, ...others.map(({ set }) => set)]);
  const merged = pruneObject(mergeObject(live, config, root), root, { last: last?.set, owned });
  const after = moveOwnership(others, merged, work);
  const result = withLastApplied(merged, config, work.manager);
  // Who merely comes to share what is there has done nothing at any time.
  const next = result === live ? { ...own, time: last?.time } : own;
  const isUnchanged = result === live && isSameSet(last?.set, own.set) && last?.apiVersion === own.apiVersion;
  return withManagers(result, [...after, isUnchanged ? last : next], live);
}

function withManagers(result: KubeObject, managers: readonly Manager[], live: KubeObject | undefined): KubeObject {
  const entries = writeManagers(managers);
  const before = live?.metadata.managedFields;
  const isSame =
    before !== undefined &&
    entries.length === before.length &&
    entries.every((entry, index) => entry === before[index]);
  return withManagedFields(result, isSame ? before : entries);
}

function checkConfig({ config, apiVersion, schema }: Application): void {
  if (config.metadata.managedFields !== undefined && config.metadata.managedFields !== null) {
    throw new ApiError(400, 'BadRequest', 'metadata.managedFields must be nil');
  }
  if (config.apiVersion !== apiVersion) {
    const words = `Incorrect version specified in apply patch. Specified patch version: ${config.apiVersion}, expected: ${apiVersion}`;
    throw new ApiError(400, 'BadRequest', words);
  }
  const faults = configFaults(config, rootSchemaOf(schema));
  if (faults.length === 0) return;
  const { namespace = '', name = '' } = config.metadata as { readonly namespace?: string; readonly name?: string };
  const detail = faults.length === 1 ? faults[0] : `errors:\n${faults.map((fault) => `  ${fault}`).join('\n')}`;
  // A plain error in Kubernetes, and therefore 500 with an empty reason.
  throw new ApiError(
    500,
    '',
    `failed to create typed patch object (${namespace}/${name}; ${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${config.kind}): ${detail}`,
  );
}

/** Who owned what before; an object that nobody managed so far is owned by `before-first-apply`. */
function managersBefore(work: Work): readonly Manager[] {
  const { live, root } = work;
  const managers = readManagers(live?.metadata.managedFields) ?? [];
  if (live === undefined || managers.length > 0) return ofGroup(managers, work.apiVersion);
  const { touched } = compareObjects(emptyObject(work.schema), live, { root, scope: work.scope });
  const unmanaged: Manager = {
    name: 'before-first-apply',
    operation: 'Update',
    apiVersion: work.apiVersion,
    subresource: work.subresource,
    time: rfc3339(work.now),
    set: touched,
    entry: undefined,
  };
  return touched === undefined ? [] : [unmanaged];
}

function mergeObject(live: KubeObject | undefined, config: KubeObject, root: Schema): KubeObject {
  if (live === undefined) return config;
  const { creationTimestamp: _, ...wanted } = config.metadata;
  return mergeMaps(live, { ...config, metadata: wanted }, root) as KubeObject;
}

/** The name is applied each time, so that nobody who owned only labels takes the metadata away with them. */
const alwaysOwned: FieldSet = { 'f:metadata': { 'f:name': leaf } };

function pruneObject(object: KubeObject, root: Schema, sets: PruneSets): KubeObject {
  return (pruneValue(object, root, { ...sets, owned: union(sets.owned, alwaysOwned) }) ?? object) as KubeObject;
}

function moveOwnership(others: readonly Manager[], merged: KubeObject, work: Work): readonly Manager[] {
  const { live, force, root, scope } = work;
  const { touched, removed } = compareObjects(live ?? emptyObject(work.schema), merged, { root, scope });
  const conflicts = force ? [] : findConflicts(others, touched);
  if (live !== undefined && conflicts.length > 0) {
    const forgiven = forgivenFields(live, work);
    const left = conflicts.filter(({ path }) => !hasPath(forgiven, path));
    if (left.length > 0) throw conflictError(left);
  }
  return others.map((manager) => withSet(manager, subtract(subtract(manager.set, touched), removed)));
}
