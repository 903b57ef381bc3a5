import { isRecord } from '#runtime/base/json.ts';
import type { Column } from '#schemas/meta/kind.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** Where CustomResourceDefinitions are. */
export const definitionCollection = 'apiextensions.k8s.io/customresourcedefinitions';

/** Holds a definition that goes until the last object of its kind is gone. */
export const instanceFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** The parts of a CustomResourceDefinition that serving needs, as validation let them in. */
export interface DefinitionSpec {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: DefinitionNames;
  readonly versions: readonly DefinitionVersion[];
}

export interface DefinitionNames {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

export interface DefinitionVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: Schema };
  readonly subresources?: {
    readonly status?: unknown;
    readonly scale?: {
      readonly specReplicasPath: string;
      readonly statusReplicasPath: string;
      readonly labelSelectorPath?: string;
    };
  };
  readonly additionalPrinterColumns?: readonly Column[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

/** The spec of a definition that is in the store, so was valid once; undefined when it is beyond reading. */
export function specOf(definition: KubeObject): DefinitionSpec | undefined {
  const spec = definition['spec'];
  if (!isRecord(spec) || !isRecord(spec['names']) || !Array.isArray(spec['versions'])) return undefined;
  return spec as unknown as DefinitionSpec;
}

/** Whether a condition of a definition is true. */
export function hasCondition(definition: KubeObject, type: string): boolean {
  return conditionsOf(definition).some((condition) => condition.type === type && condition.status === 'True');
}

export function conditionsOf(definition: KubeObject): readonly Condition[] {
  const status = definition['status'];
  const conditions: unknown = isRecord(status) ? status['conditions'] : undefined;
  return Array.isArray(conditions) ? (conditions as readonly Condition[]) : [];
}

/** Versions in which objects of a definition are or were stored. */
export function storedVersionsOf(definition: KubeObject): readonly string[] {
  const status = definition['status'];
  const versions: unknown = isRecord(status) ? status['storedVersions'] : undefined;
  return Array.isArray(versions) ? versions.map(String) : [];
}
