import { isEqual, isRecord } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { diffFields } from '#runtime/plan/diff-fields.ts';
import type { Disruption, FieldChange } from '#runtime/plan/plan.ts';
import { keyOf } from '#runtime/client/resource-type.ts';
import { appliesNothing } from '#runtime/manager/apply-preview.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { childKeyOf, groupOf, marked, type Children, type ObjectsAction } from './children.ts';

export interface ObjectsPlanner<Name extends string> {
  readonly name: Name;
  readonly fieldManager: string;
  readonly leavesUnwanted?: boolean;
  /** What was applied last when that gave this very object: servers may spell values differently. */
  readonly appliedTo: (live: KubeObject) => KubeObject | undefined;
}

/**
 * What is to be done about an owner's children. Only fields in the manifest count; what others set on a child stays theirs.
 *
 * | wanted | found       | action                                   |
 * | ------ | ----------- | ---------------------------------------- |
 * | yes    | no          | apply-object (missing)                   |
 * | yes    | differs     | apply-object (differs)                   |
 * | yes    | as wanted   | –                                        |
 * | no     | yes         | delete-object, unless it is on its way or left to others |
 */
export function planObjects<Name extends string>(
  planner: ObjectsPlanner<Name>,
  owner: Owner,
  states: { readonly desired: Children; readonly observed: Children },
): readonly ObjectsAction<Name>[] {
  const { desired, observed } = states;
  const wanted = [...desired.values()].flatMap((manifest) => planOne(planner, owner, { manifest, observed }));
  if (planner.leavesUnwanted === true) return wanted;
  const unwanted = [...observed]
    .filter(([key, live]) => !desired.has(key) && live.metadata.deletionTimestamp === undefined)
    .toReversed()
    .map(([, live]) => deletion(planner.name, owner, live));
  return [...wanted, ...unwanted];
}

function planOne<Name extends string>(
  planner: ObjectsPlanner<Name>,
  owner: Owner,
  child: { readonly manifest: KubeObject; readonly observed: Children },
): readonly ObjectsAction<Name>[] {
  const manifest = marked(owner, child.manifest);
  const live = child.observed.get(childKeyOf(manifest));
  if (live !== undefined && stands(planner, live, manifest)) return [];
  return [
    {
      driver: planner.name,
      op: 'apply-object',
      subject: subjectOf(manifest),
      reason: live === undefined ? 'missing' : 'differs',
      disruption: 'none',
      changes: changesOf(live, manifest),
      input: { owner: ownerId(owner), manifest, isNew: live === undefined },
    },
  ];
}

function stands(planner: ObjectsPlanner<string>, live: KubeObject, manifest: KubeObject): boolean {
  if (appliesNothing(live, manifest, { manager: planner.fieldManager })) return true;
  const applied = planner.appliedTo(live);
  return applied !== undefined && isEqual(applied, manifest);
}

function deletion<Name extends string>(name: Name, owner: Owner, live: KubeObject): ObjectsAction<Name> {
  return {
    driver: name,
    op: 'delete-object',
    subject: subjectOf(live),
    reason: 'no longer wanted',
    disruption: disruptionOf(live),
    changes: [],
    input: {
      owner: ownerId(owner),
      group: groupOf(live),
      kind: live.kind,
      key: keyOf(live),
      uid: live.metadata.uid ?? '',
    },
  };
}

// A namespace takes everything in it with it.
function disruptionOf(live: KubeObject): Disruption {
  return live.kind === 'Namespace' ? 'data-loss' : 'none';
}

/** `Namespace/acme`, `RoleBinding.rbac.authorization.k8s.io/acme/wcp360-owners`. */
function subjectOf(object: KubeObject): string {
  const group = groupOf(object);
  const { namespace, name } = object.metadata;
  return `${object.kind}${group === '' ? '' : `.${group}`}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

function changesOf(live: KubeObject | undefined, manifest: KubeObject): readonly FieldChange[] {
  const { apiVersion: _version, kind: _kind, ...fields } = manifest;
  return diffFields(live === undefined ? undefined : part(live, fields), fields);
}

/** Of `value` only what `of` speaks about. */
function part(value: unknown, of: unknown): unknown {
  if (!isRecord(value) || !isRecord(of)) return value;
  const kept: Record<string, unknown> = {};
  for (const key in of) if (value[key] !== undefined) kept[key] = part(value[key], of[key]);
  return kept;
}

/** Which child has still to go before the wanted state stands; `undefined` when none has. */
export function waitedFor(desired: Children, observed: Children): string | undefined {
  for (const [key, live] of observed) {
    if (live.metadata.deletionTimestamp === undefined) continue;
    if (desired.has(key) && desired.get(key)?.metadata.finalizers !== undefined) continue;
    return `${live.kind} ${live.metadata.name} is being deleted.`;
  }
  return undefined;
}
