import type { FieldFault } from '#runtime/base/errors.ts';
import type { NamedResource } from '#runtime/apiserver/http/api-errors.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Draft } from './draft.ts';

/** What names of a kind look like: a DNS subdomain (most), a DNS label (Namespace), or any one path segment (RBAC). */
export type NameRule = 'subdomain' | 'label' | 'segment';

/**
 * What makes one kind differ from another in how it is written. Everything else is the same for all kinds.
 *
 * All functions are pure but for the draft they are given; faults name fields of the object.
 */
export interface Strategy {
  readonly names: NameRule;
  /** Has a status subresource: writes of the object itself leave the stored status alone. */
  readonly status: boolean;
  /** Counts changes outside of metadata in `metadata.generation`. */
  readonly generation: boolean;
  /** A PUT without resourceVersion replaces whatever is there; otherwise it is refused. */
  readonly unconditionalUpdate: boolean;
  /** A PUT makes the object when it is not there. */
  readonly createOnUpdate: boolean;
  /** Finalizers without a domain are refused, but for those of Kubernetes; custom kinds warn of them. */
  readonly qualifiedFinalizers: boolean;
  /** Dependents are looked after when the object goes; a deletion's policy means nothing otherwise. */
  readonly collected: boolean;
  /** What DELETE answers with once the object is gone. */
  readonly deletedAnswer: 'status' | 'object';
  /** Objects are forgotten after this time. */
  readonly ttlSeconds?: number;
  readonly prepareCreate?: (draft: Draft) => void;
  /** What the server adds to a new object in the end, so that its creator does not own it. */
  readonly completeCreate?: (draft: Draft) => void;
  readonly prepareUpdate?: (draft: Draft, old: KubeObject) => void;
  /** The same for an update: who wrote it owns what the client sent. */
  readonly completeUpdate?: (draft: Draft) => void;
  /** `subresource` is where it was written; empty for the object itself. */
  readonly validate?: (object: KubeObject, old: KubeObject | undefined, subresource: string) => readonly FieldFault[];
  /** What is worth telling of a valid object. */
  readonly warnings?: (object: KubeObject, old: KubeObject | undefined) => readonly string[];
  /** What is wrong with this of a new object is told when nothing else is. */
  readonly toldLast?: 'metadata' | 'name';
  /** Of which kind faults tell, when it is not the one that was asked for. */
  readonly faultsName?: NamedResource;
  /** Marks an object that holds others, which go first: its deletion is no new generation and knows no grace. */
  readonly markDeleted?: (draft: Draft, live: KubeObject) => void;
  /** Something beside `metadata.finalizers` keeps a deleted object. */
  readonly isHeld?: (object: KubeObject) => boolean;
  /** What a write of a subresource takes over into what is there, by its name. `status` takes over the status unless it stands here. */
  readonly parts?: Readonly<Record<string, (kept: Draft, asked: KubeObject) => void>>;
  /** Subresources carry metadata, too: whoever may write one may write labels, annotations, finalizers and owners. */
  readonly isMetadataInParts?: boolean;
  /**
   * Fields that a write leaves alone, so that nobody comes to own them by it, by the subresource that is written; empty for the object itself.
   * They come in addition to `status` for the object itself, and to the rest of the object for `status`.
   */
  readonly resetFields?: Readonly<Record<string, readonly string[]>>;
}

/** The usual built-in kind: no status, no generation, names are DNS subdomains. */
export const plainStrategy: Strategy = {
  names: 'subdomain',
  status: false,
  generation: false,
  unconditionalUpdate: true,
  createOnUpdate: false,
  qualifiedFinalizers: true,
  collected: true,
  deletedAnswer: 'status',
};
