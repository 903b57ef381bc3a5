import type { FieldFault } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { fault } from '#runtime/apiserver/http/api-errors.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '#schemas/meta/object.ts';
import { invalidValue, labelFaults, nameProblems, qualifiedNameProblems } from './names.ts';
import type { NameRule } from './strategy.ts';

const maxAnnotationBytes = 256 * 1024;

/** Faults of an object's metadata, whatever its kind (API conventions, "Metadata"). */
export function metadataFaults(metadata: ObjectMeta, names: NameRule): readonly FieldFault[] {
  const { name, labels, annotations, ownerReferences, finalizers } = metadata;
  return [
    ...nameFaults(name, names),
    ...(labels === undefined ? [] : labelFaults(labels, 'metadata.labels')),
    ...(annotations === undefined ? [] : annotationFaults(annotations)),
    ...(ownerReferences === undefined ? [] : ownerFaults(ownerReferences)),
    ...(finalizers ?? []).flatMap((finalizer) => finalizerFaults(finalizer)),
  ];
}

function nameFaults(name: string, rule: NameRule): readonly FieldFault[] {
  if (name === '')
    return [fault('metadata.name', 'FieldValueRequired', 'Required value: name or generateName is required')];
  return nameProblems(rule, name).map((problem) => invalidValue('metadata.name', name, problem));
}

function annotationFaults(annotations: Readonly<Record<string, string>>): readonly FieldFault[] {
  const faults: FieldFault[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    faults.push(
      ...qualifiedNameProblems(key.toLowerCase()).map((problem) => invalidValue('metadata.annotations', key, problem)),
    );
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  }
  if (bytes > maxAnnotationBytes) {
    faults.push(
      fault('metadata.annotations', 'FieldValueTooLong', `Too long: may not be more than ${maxAnnotationBytes} bytes`),
    );
  }
  return faults;
}

function ownerFaults(owners: readonly OwnerReference[]): readonly FieldFault[] {
  const faults: FieldFault[] = [];
  let controllers = 0;
  for (const [index, owner] of owners.entries()) {
    const at = `metadata.ownerReferences[${index}]`;
    for (const part of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (typeof owner[part] !== 'string' || owner[part] === '')
        faults.push(invalidValue(`${at}.${part}`, owner[part] ?? '', `${part} must not be empty`));
    }
    if (owner.controller === true) controllers += 1;
  }
  if (controllers > 1) {
    faults.push(invalidValue('metadata.ownerReferences', owners, 'Only one reference can have Controller set to true'));
  }
  return faults;
}

const builtInFinalizers = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function finalizerFaults(finalizer: unknown): readonly FieldFault[] {
  if (typeof finalizer !== 'string') return [invalidValue('metadata.finalizers', finalizer, 'must be a string')];
  return qualifiedNameProblems(finalizer).map((problem) => invalidValue('metadata.finalizers', finalizer, problem));
}

/** What is worth telling although it is allowed: finalizers without a domain, owners named twice. */
export function metadataWarnings(metadata: ObjectMeta): readonly string[] {
  const { finalizers, ownerReferences } = metadata;
  const unqualified = (finalizers ?? []).filter(
    (finalizer) => !finalizer.includes('/') && !builtInFinalizers.has(finalizer),
  );
  const uids = (ownerReferences ?? []).map((owner) => owner.uid);
  const repeated = uids.filter((uid, index) => uids.indexOf(uid) !== index);
  return [
    ...unqualified.map(
      (finalizer) =>
        `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    ),
    ...[...new Set(repeated)].map(
      (uid) =>
        `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {${uid}}`,
    ),
  ];
}

/** Owners without those named before by the same uid. */
export function uniqueOwners(owners: readonly OwnerReference[]): readonly OwnerReference[] {
  const seen = new Set<string>();
  const unique = owners.filter(({ uid }) => !seen.has(uid) && seen.add(uid));
  return unique.length === owners.length ? owners : unique;
}

/** What an update may not change. */
export function metadataUpdateFaults(object: KubeObject, old: KubeObject): readonly FieldFault[] {
  const faults: FieldFault[] = [];
  if (old.metadata.deletionTimestamp === undefined) return faults;
  const before = new Set(old.metadata.finalizers);
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (added.length > 0) {
    const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
    const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
    faults.push(fault('metadata.finalizers', 'FieldValueForbidden', message));
  }
  return faults;
}

const texts = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'deletionTimestamp'] as const;

const lists = ['finalizers', 'ownerReferences', 'managedFields'] as const;

/** What in metadata has a type that no schema checks and that metadata cannot have; undefined when all is well. */
export function metadataTypeProblem(metadata: unknown): string | undefined {
  if (!isRecord(metadata)) return 'metadata: must be an object';
  const text = texts.find((field) => isPresent(metadata[field]) && typeof metadata[field] !== 'string');
  if (text !== undefined) return `metadata.${text}: must be a string`;
  const list = lists.find((field) => isPresent(metadata[field]) && !Array.isArray(metadata[field]));
  if (list !== undefined) return `metadata.${list}: must be a list`;
  const owners: unknown = metadata['ownerReferences'];
  if (Array.isArray(owners) && !owners.every(isRecord)) return 'metadata.ownerReferences: must be a list of objects';
  return (
    stringMapProblem(metadata['labels'], 'metadata.labels') ??
    stringMapProblem(metadata['annotations'], 'metadata.annotations')
  );
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function stringMapProblem(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) return `${path}: must be a map`;
  const key = Object.keys(value).find((name) => typeof value[name] !== 'string');
  return key === undefined ? undefined : `${path}.${key}: must be a string`;
}
