import { standardFinalizerFaults } from '#runtime/apiserver/registry/metadata-rules.ts';
import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { invalidValue, qualifiedNameProblems } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { recordAt, textReader } from './fields.ts';

const kubernetesFinalizer = 'kubernetes';
const nameLabel = 'kubernetes.io/metadata.name';

/**
 * A namespace is held by `spec.finalizers` until the life cycle has emptied it and takes that away through the subresource `finalize`.
 * Its name stands in a label, so that selectors can name it.
 */
export const namespaceStrategy: Strategy = {
  ...plainStrategy,
  names: 'label',
  status: true,
  deletedAnswer: 'object',
  isMetadataInParts: true,
  prepareCreate: (draft) => {
    labelWithName(draft);
    draft['status'] = { phase: 'Active' };
  },
  completeCreate: (draft) => {
    const given = finalizersOf(draft);
    if (!given.includes(kubernetesFinalizer)) draft['spec'] = { finalizers: [...given, kubernetesFinalizer] };
  },
  validate: (namespace) =>
    finalizersOf(namespace).flatMap((finalizer) => [
      ...qualifiedNameProblems(String(finalizer)).map((problem) => invalidValue('spec.finalizers', finalizer, problem)),
      ...standardFinalizerFaults(finalizer, 'spec.finalizers'),
    ]),
  prepareUpdate: (draft, old) => {
    labelWithName(draft);
    draft['spec'] = old['spec'];
  },
  markDeleted: (draft) => {
    draft['status'] = { ...recordAt(draft, 'status'), phase: 'Terminating' };
  },
  isHeld: (object) => finalizersOf(object).length > 0,
  parts: {
    status: (kept, asked) => {
      labelWithName(kept);
      kept['status'] = asked['status'];
    },
    finalize: (kept, asked) => {
      labelWithName(kept);
      const finalizers = finalizersOf(asked);
      kept['spec'] = finalizers.length > 0 ? { finalizers } : {};
    },
  },
};

function labelWithName({ metadata }: Draft): void {
  metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name ?? '' };
}

function finalizersOf(object: Readonly<Record<string, unknown>>): readonly unknown[] {
  const { finalizers } = recordAt(object, 'spec');
  return Array.isArray(finalizers) ? finalizers : [];
}

export const namespaceFields = { 'status.phase': textReader('status', 'phase'), name: textReader('metadata', 'name') };
