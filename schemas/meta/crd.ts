import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './object.ts';
import type { Schema } from './schema.ts';

/** The status that every CRD of ours has, and what a kube-apiserver needs to know about a kind: apiextensions.k8s.io/v1. */
export function toCrd(kind: KindDefinition): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}`, labels: { 'app.kubernetes.io/part-of': 'wcp360' } },
    spec: {
      group: kind.group,
      scope: kind.scope === 'Cluster' ? 'Cluster' : 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
        ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
      },
      versions: [versionOf(kind)],
    },
  };
}

function versionOf(kind: KindDefinition): object {
  return {
    name: kind.version,
    served: true,
    storage: true,
    subresources: { status: {} },
    additionalPrinterColumns: kind.columns,
    ...(kind.selectableFields === undefined
      ? {}
      : { selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })) }),
    schema: { openAPIV3Schema: rootSchemaOf(kind) },
  };
}

/** The schema of the whole object, as it stands in the CRD. */
export function rootSchemaOf(kind: KindDefinition): Schema {
  // A spec that asks for nothing may be left out; then it is there all the same, with its defaults.
  const isOptional = (kind.spec.required ?? []).length === 0;
  return {
    type: 'object',
    description: kind.description,
    ...(isOptional ? {} : { required: ['spec'] }),
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema: `group/version`.' },
      kind: { type: 'string', description: 'The kind of the object.' },
      // The name is there so that rules on it may point at it.
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec: isOptional ? { ...kind.spec, default: {} } : kind.spec,
      status: kind.status,
    },
    ...(kind.validations === undefined ? {} : { 'x-kubernetes-validations': kind.validations }),
  };
}
