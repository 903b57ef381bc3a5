import type { FieldFault } from '#runtime/base/errors.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import type { TableColumn } from '#runtime/apiserver/table/column.ts';
import type { KnownFaults } from '#runtime/apiserver/schema/structural.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Strategy } from './strategy.ts';

/** The schema of a kind at work. Nothing is changed in place: what comes back shares whatever stayed the same. */
export interface ObjectSchema {
  /** Without what the schema does not know; `unknown` holds the paths of what was dropped. */
  prune(object: KubeObject): { readonly object: KubeObject; readonly unknown: readonly string[] };
  applyDefaults(object: KubeObject): KubeObject;
  /** Schema, list types and CEL rules; with `old`, what was already wrong and did not change is let pass. */
  validate(object: KubeObject, old?: KubeObject, known?: KnownFaults): readonly FieldFault[];
}

/** Where the scale subresource of a custom resource finds its numbers, as field names from the root. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly labelSelector: readonly string[] | undefined;
}

/**
 * One resource at one version, ready to be served. Made anew when its CRD changes, so whatever is remembered per resource hangs on it.
 * Assumes that `info.collection` is shared by all versions, and by both kinds of events.
 */
export interface Resource {
  readonly info: ResourceInfo;
  /** `v1` or `<group>/<version>`. */
  readonly apiVersion: string;
  /** The apiVersion that objects are written with. */
  readonly storedApiVersion: string;
  readonly custom: boolean;
  readonly schema: ObjectSchema;
  /** What in an object of a built-in kind has a type that the kind cannot have; undefined for all custom kinds, whose schema says it. */
  readonly typeProblem: (object: KubeObject) => string | undefined;
  readonly strategy: Strategy;
  /** Field selectors by name. */
  readonly fields: Readonly<Record<string, (object: KubeObject) => string>>;
  /** Those of them that the cache has an index for. */
  readonly indexedFields: ReadonlySet<string>;
  readonly columns: readonly TableColumn[];
  readonly scale: ScalePaths | undefined;
  /** Objects stored at this revision or later were pruned and defaulted by the present schema. */
  readonly settledRevision: number;
  /** Told to everybody who uses this version. */
  readonly warnings: readonly string[];
  /** The CRD is being deleted: no object may be made. */
  readonly terminating: boolean;
  /** From and to the stored form, when versions differ in more than their name. */
  readonly conversion?: {
    readonly fromStored: (object: KubeObject) => KubeObject;
    readonly toStored: (object: KubeObject) => KubeObject;
  };
  /** Objects of several versions are stored, so each has to be looked at. */
  readonly mixed: boolean;
  /** How stored bytes begin when they can go on the wire as they are: `{"apiVersion":…,"kind":…,`. */
  readonly opening: Buffer;
  /** By the object as it is stored; see `viewOf`. */
  readonly views: WeakMap<KubeObject, View>;
}

/** A cached object as a resource shows it. */
export interface View {
  readonly object: KubeObject;
  /** The same as UTF-8 JSON. */
  readonly bytes: Buffer;
}
