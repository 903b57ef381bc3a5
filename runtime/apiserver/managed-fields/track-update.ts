import { rfc3339 } from '#runtime/base/clock.ts';
import type { KubeObject, ManagedFieldsEntry } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { compareObjects } from './compare.ts';
import type { Changes } from './compare.ts';
import { emptyObject } from './empty-object.ts';
import { subtract, union } from './field-set.ts';
import { capUpdaters, isReset, isSameManager, ofGroup, readManagers, withSet, writeManagers } from './managers.ts';
import type { Manager } from './managers.ts';
import { scopeOf } from './scope.ts';
import { isSameJson, rootSchemaOf } from './typed.ts';

/** A create, update or patch that is about to be stored. */
export interface TrackedUpdate {
  /** What is stored now; undefined for a create. */
  readonly live: KubeObject | undefined;
  /** What shall be stored, after defaulting and admission. */
  readonly next: KubeObject;
  /** `fieldManager`, or the first part of the User-Agent. */
  readonly manager: string;
  /** Empty for the main resource. */
  readonly subresource: string;
  /** Of the request. */
  readonly apiVersion: string;
  /** Of the kind at that version; undefined when it has none. */
  readonly schema: Schema | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Fields that this endpoint resets, such as `status` of the main resource of a kind with that subresource, or `status.certificate`. */
  readonly ignored?: readonly string[];
}

/**
 * `next` with its `metadata.managedFields` brought up to date (Kubernetes docs, "Server-Side Apply", "Field management"): the manager owns what it changed or
 * added, everybody else loses that, and nobody owns what went. Entries that a client sent on the main resource count, except that malformed ones are passed
 * over and `[]` forgets all. An object without managers stays without until somebody applies. When nothing changed the live entries are returned as they are.
 * Never throws for what the object holds.
 */
export function trackUpdate(update: TrackedUpdate): KubeObject {
  const { live, next, schema } = update;
  const before = managersBefore(update);
  if (before.length === 0 && live !== undefined) return withManagedFields(next, undefined);
  const changes = compareObjects(live ?? emptyObject(schema), next, {
    root: rootSchemaOf(schema),
    scope: scopeOf(update.subresource, update.ignored),
  });
  const after = moveOwnership(ofGroup(before, update.apiVersion), changes, update);
  const liveEntries = live?.metadata.managedFields;
  const isUnchanged = liveEntries !== undefined && after === before && before.length === liveEntries.length;
  const isLive = isUnchanged && before.every(({ entry }, index) => entry === liveEntries[index]);
  return withManagedFields(next, isLive ? liveEntries : writeManagers(capUpdaters(after)));
}

/** The same object with other entries; the very object when it has them already. An empty list is left out. */
export function withManagedFields(object: KubeObject, entries: readonly ManagedFieldsEntry[] | undefined): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  if (managedFields === entries) return object;
  if (entries === undefined || entries.length === 0) return { ...object, metadata };
  return { ...object, metadata: { ...metadata, managedFields: entries } };
}

/** Who owned what before: by the client's own entries, where it may send them and did, or else by the live ones. */
function managersBefore({ live, next, subresource }: TrackedUpdate): readonly Manager[] {
  const entries = next.metadata.managedFields;
  const liveEntries = live?.metadata.managedFields;
  // Clients mostly echo what they read.
  if (subresource === '' && !isSameJson(entries, liveEntries)) {
    if (isReset(entries)) return [];
    const theirs = readManagers(entries);
    if (theirs !== undefined && theirs.length > 0) return theirs;
  }
  return readManagers(liveEntries) ?? [];
}

function moveOwnership(before: readonly Manager[], changes: Changes, update: TrackedUpdate): readonly Manager[] {
  const { touched, removed } = changes;
  if (touched === undefined && removed === undefined) return before;
  const own: Manager = {
    name: update.manager,
    operation: 'Update',
    apiVersion: update.apiVersion,
    subresource: update.subresource,
    // Kubernetes makes the manager of a scale from one of another kind, which says nothing of when.
    time: update.subresource === 'scale' ? undefined : rfc3339(update.now),
    set: touched,
    entry: undefined,
  };
  const after: Manager[] = [];
  let found = false;
  for (const manager of before) {
    const isOwn = isSameManager(manager, own);
    found ||= isOwn;
    const rest = subtract(manager.set, removed);
    if (!isOwn) after.push(withSet(manager, subtract(rest, touched)));
    else if (touched === undefined) after.push(withSet(manager, rest));
    else after.push({ ...own, set: union(rest, touched) });
  }
  if (!found) after.push(own);
  return after;
}
