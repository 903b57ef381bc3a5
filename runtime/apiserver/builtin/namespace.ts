import { draftOf } from '#runtime/apiserver/registry/draft.ts';
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
  prepareCreate: (draft) => {
    draft.metadata.labels = { ...draft.metadata.labels, [nameLabel]: draft.metadata.name ?? '' };
    draft['spec'] = { finalizers: [kubernetesFinalizer] };
    draft['status'] = { phase: 'Active' };
  },
  prepareUpdate: (draft, old) => {
    draft.metadata.labels = { ...draft.metadata.labels, [nameLabel]: old.metadata.name };
    draft['spec'] = old['spec'];
  },
  markDeleted: (draft) => {
    draft['status'] = { ...recordAt(draft, 'status'), phase: 'Terminating' };
  },
  isHeld: (object) => {
    const { finalizers } = recordAt(object, 'spec');
    return Array.isArray(finalizers) && finalizers.length > 0;
  },
  prepareFinalize: (draft, asked) => {
    const { finalizers } = recordAt(draftOf(asked), 'spec');
    draft['spec'] =
      Array.isArray(finalizers) && finalizers.length > 0 ? { finalizers: finalizers as readonly unknown[] } : {};
  },
};

export const namespaceFields = { 'status.phase': textReader('status', 'phase'), name: textReader('metadata', 'name') };
