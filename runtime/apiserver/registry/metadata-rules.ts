import type { FieldFault } from '#runtime/base/errors.ts';
import { canonicalJson, isEqual, isRecord } from '#runtime/base/json.ts';
import { fault, faultsOfEach } from '#runtime/apiserver/http/api-errors.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '#schemas/meta/object.ts';
import { isTime, timeProblem } from '#runtime/apiserver/codec/times.ts';
import { invalidValue, labelFaults, nameProblems, qualifiedNameProblems } from './names.ts';
import type { NameRule, Strategy } from './strategy.ts';

const maxAnnotationBytes = 256 * 1024;

/** Faults of an object's metadata, whatever its kind (API conventions, "Metadata"). */
export function metadataFaults(
  metadata: ObjectMeta,
  { names, qualifiedFinalizers }: Pick<Strategy, 'names' | 'qualifiedFinalizers'>,
): readonly FieldFault[] {
  const { name, labels, annotations, ownerReferences, finalizers } = metadata;
  return [
    ...nameFaults(name, names),
    ...(labels === undefined ? [] : labelFaults(labels, 'metadata.labels')),
    ...(annotations === undefined ? [] : annotationFaults(annotations)),
    ...(ownerReferences === undefined ? [] : ownerFaults(ownerReferences)),
    ...faultsOfEach(finalizers ?? [], finalizerFaults),
    ...faultsOfEach(((qualifiedFinalizers ? finalizers : undefined) ?? []).entries(), ([index, finalizer]) =>
      standardFinalizerFaults(finalizer, `metadata.finalizers[${index}]`),
    ),
  ];
}

function nameFaults(name: string, rule: NameRule): readonly FieldFault[] {
  if (name === '')
    return [fault('metadata.name', 'FieldValueRequired', 'Required value: name or generateName is required')];
  return nameProblems(rule, name).map((problem) => invalidValue('metadata.name', name, problem));
}

function annotationFaults(annotations: Readonly<Record<string, string>>): readonly FieldFault[] {
  const faults = faultsOfEach(Object.keys(annotations), (key) =>
    qualifiedNameProblems(key.toLowerCase()).map((problem) => invalidValue('metadata.annotations', key, problem)),
  );
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  if (bytes > maxAnnotationBytes) {
    faults.push(
      fault('metadata.annotations', 'FieldValueTooLong', `Too long: may not be more than ${maxAnnotationBytes} bytes`),
    );
  }
  return faults;
}

function ownerFaults(owners: readonly OwnerReference[]): readonly FieldFault[] {
  const field = 'metadata.ownerReferences';
  const controllers = owners.filter(({ controller }) => controller === true).length;
  return [
    ...faultsOfEach(owners, (owner) => ownerPartFaults(owner, field)),
    ...(controllers > 1 ? [invalidValue(field, owners, 'Only one reference can have Controller set to true')] : []),
  ];
}

const apiVersionPattern = /^(?:[^/]*\/)?[^/]+$/u;

function ownerPartFaults(owner: Partial<OwnerReference>, field: string): readonly FieldFault[] {
  const { apiVersion = '' } = owner;
  const isVersion = apiVersionPattern.test(apiVersion);
  return [
    ...(isVersion ? [] : [invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty')]),
    ...(['kind', 'name', 'uid'] as const)
      .filter((part) => typeof owner[part] !== 'string' || owner[part] === '')
      .map((part) => invalidValue(`${field}.${part}`, owner[part] ?? '', 'must not be empty')),
  ];
}

const builtInFinalizers = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function finalizerFaults(finalizer: unknown): readonly FieldFault[] {
  if (typeof finalizer !== 'string') return [invalidValue('metadata.finalizers', finalizer, 'must be a string')];
  return qualifiedNameProblems(finalizer).map((problem) => invalidValue('metadata.finalizers', finalizer, problem));
}

/** A finalizer without a domain belongs to Kubernetes, or is refused. */
export function standardFinalizerFaults(finalizer: unknown, field: string): readonly FieldFault[] {
  if (typeof finalizer !== 'string' || finalizer.includes('/') || builtInFinalizers.has(finalizer)) return [];
  return [invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
}

/** What is worth telling although it is allowed: owners named twice; `moment`: when that was seen. */
export function ownerWarnings({ ownerReferences = [] }: ObjectMeta, moment = ''): readonly string[] {
  const { repeated } = splitOwners(ownerReferences);
  if (repeated.length === 0) return [];
  const uids = repeated.map(({ uid }) => uid).join(', ');
  return [
    `.metadata.ownerReferences contains duplicate entries${moment}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`,
  ];
}

/** Owners without those that stand before them just so. */
export function uniqueOwners(owners: readonly OwnerReference[]): readonly OwnerReference[] {
  const { unique, repeated } = splitOwners(owners);
  return repeated.length === 0 ? owners : unique;
}

function splitOwners(owners: readonly OwnerReference[]): Record<'unique' | 'repeated', readonly OwnerReference[]> {
  const seen = new Set<string>();
  const unique: OwnerReference[] = [];
  const repeated: OwnerReference[] = [];
  for (const owner of owners) {
    const text = canonicalJson(owner);
    (seen.has(text) ? repeated : unique).push(owner);
    seen.add(text);
  }
  return { unique, repeated };
}

/** A name of one's own keeps a new finalizer apart from those of others. */
export function finalizerWarnings({ finalizers = [] }: ObjectMeta, old?: ObjectMeta): readonly string[] {
  const before = new Set([...builtInFinalizers, ...(old?.finalizers ?? [])]);
  const added = new Set(finalizers.filter((finalizer) => !before.has(finalizer) && !finalizer.includes('/')));
  return [...added]
    .toSorted()
    .map(
      (finalizer) =>
        `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name ${finalizer.includes('.') ? 'including a path (/) ' : ''}to avoid accidental conflicts with other finalizer writers`,
    );
}

const immutableFields = ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

/** What an update may not change. */
export function metadataUpdateFaults(object: KubeObject, old: KubeObject): readonly FieldFault[] {
  const faults: FieldFault[] = immutableFields
    .filter((field) => !isEqual(object.metadata[field], old.metadata[field]))
    .map((field) => invalidValue(`metadata.${field}`, object.metadata[field], 'field is immutable'));
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

const texts = ['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'deletionTimestamp'] as const;

const numbers = ['generation', 'deletionGracePeriodSeconds'] as const;

const times = ['creationTimestamp', 'deletionTimestamp'] as const;

const lists = ['finalizers', 'ownerReferences', 'managedFields'] as const;

/** What in metadata has a type that no schema checks and that metadata cannot have; undefined when all is well. */
export function metadataTypeProblem(metadata: unknown): string | undefined {
  if (!isRecord(metadata)) return 'json: cannot unmarshal metadata: must be an object';
  const text = texts.find((field) => isPresent(metadata[field]) && typeof metadata[field] !== 'string');
  if (text !== undefined) return `metadata.${text}: must be a string`;
  const number = numbers.find((field) => isPresent(metadata[field]) && !Number.isInteger(metadata[field]));
  if (number !== undefined) return `metadata.${number}: must be a whole number`;
  const time = times.find((field) => typeof metadata[field] === 'string' && !isTime(metadata[field]));
  if (time !== undefined) return timeProblem(String(metadata[time]), false);
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
