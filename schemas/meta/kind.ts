import type { ObjectMeta } from './object.ts';
import type { Schema, TypeOf } from './schema.ts';

/** A column that `get` prints; `priority` 1 means `-o wide` only. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  readonly format?: string;
  readonly priority?: number;
}

/** One kind of our API: everything that its CRD, its TypeScript type, its rights and its reference page are made from. */
export interface KindDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  /** One or two sentences for people: what an object of this kind is. */
  readonly description: string;
  readonly spec: Schema;
  readonly status: Schema;
  /** Whole-object CEL rules (rules on a field stand in its schema). */
  readonly validations?: Schema['x-kubernetes-validations'];
  readonly columns: readonly Column[];
  /** JSON paths (`.status.host`) that field selectors may use. */
  readonly selectableFields?: readonly string[];
}

/** The TypeScript type of an object of a kind, after defaulting. `spec` and `metadata` are always there. */
export interface ResourceOf<D extends KindDefinition> {
  readonly apiVersion: string;
  readonly kind: D['kind'];
  readonly metadata: ObjectMeta;
  readonly spec: TypeOf<D['spec']>;
  readonly status?: TypeOf<D['status']>;
  readonly [field: string]: unknown;
}

/** The status type of a kind. */
export type StatusOf<D extends KindDefinition> = TypeOf<D['status']>;

/** Keeps the literal types of a kind, so that `ResourceOf` can read them. */
export function defineKind<const D extends KindDefinition>(kind: D): D {
  return kind;
}

/** `hosting.wcp360.io/v1alpha1`; `v1` for the core group, whose name is empty. */
export function apiVersionOf(kind: KindDefinition): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
