import { isRecord } from '#runtime/base/json.ts';
import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { instanceFinalizer } from '#runtime/apiserver/registry/definition.ts';
import { validateCrd } from '#runtime/apiserver/schema/crd.ts';
import { formatWarnings } from '#runtime/apiserver/schema/format-warnings.ts';
import { withoutNulls } from '#runtime/apiserver/schema/without-nulls.ts';
import type { Condition } from '#schemas/meta/object.ts';
import { recordAt } from './fields.ts';

/** CustomResourceDefinitions: names are completed, schemas are read as structs, the versions that ever stored objects are remembered. */
export const definitionStrategy: Strategy = {
  ...plainStrategy,
  status: true,
  generation: true,
  unconditionalUpdate: false,
  qualifiedFinalizers: false,
  prepareCreate: (draft) => {
    completeNames(draft);
    readSchemas(draft);
    const storage = storageVersionOf(draft);
    draft['status'] = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storage === undefined ? [] : [storage],
    };
  },
  prepareUpdate: (draft) => {
    completeNames(draft);
    readSchemas(draft);
    const storage = storageVersionOf(draft);
    const status = recordAt(draft, 'status');
    const stored: unknown = status['storedVersions'];
    const versions = Array.isArray(stored) ? stored.map(String) : [];
    if (storage !== undefined && !versions.includes(storage))
      draft['status'] = { ...status, storedVersions: [...versions, storage] };
  },
  validate: validateCrd,
  warnings: formatWarnings,
  markDeleted: (draft, live) => {
    // What becomes of dependents is asked when its own objects are gone.
    const finalizers = (live.metadata.finalizers ?? []).filter((each) => each !== instanceFinalizer);
    draft.metadata.finalizers = [...finalizers, instanceFinalizer];
    const status = recordAt(draft, 'status');
    const present: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
    draft['status'] = { ...status, conditions: [...present, terminating(draft.metadata.deletionTimestamp)] };
  },
};

function terminating(lastTransitionTime: string | undefined): Condition {
  return {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: lastTransitionTime ?? '',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
}

function completeNames(draft: Draft): void {
  const spec = recordAt(draft, 'spec');
  const names = recordAt(spec, 'names');
  const kind = names['kind'];
  if (typeof kind !== 'string') return;
  const complete = {
    ...names,
    ...(typeof names['singular'] === 'string' && names['singular'] !== '' ? {} : { singular: kind.toLowerCase() }),
    ...(typeof names['listKind'] === 'string' && names['listKind'] !== '' ? {} : { listKind: `${kind}List` }),
  };
  draft['spec'] = { ...spec, names: complete, conversion: spec['conversion'] ?? { strategy: 'None' } };
}

function readSchemas(draft: Draft): void {
  const spec = recordAt(draft, 'spec');
  const { versions } = spec;
  if (Array.isArray(versions)) draft['spec'] = { ...spec, versions: versions.map(withReadSchema) };
}

function withReadSchema(version: unknown): unknown {
  if (!isRecord(version) || !isRecord(version['schema']) || version['schema']['openAPIV3Schema'] === undefined)
    return version;
  const { schema } = version;
  return { ...version, schema: { ...schema, openAPIV3Schema: withoutNulls(schema['openAPIV3Schema']) } };
}

function storageVersionOf(draft: Draft): string | undefined {
  const versions: unknown = recordAt(draft, 'spec')['versions'];
  const storage: unknown = Array.isArray(versions)
    ? versions.find((version: unknown) => isRecord(version) && version['storage'] === true)
    : undefined;
  const name = isRecord(storage) ? storage['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}
