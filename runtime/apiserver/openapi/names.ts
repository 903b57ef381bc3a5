/** A kind at a version, as `x-kubernetes-group-version-kind` names it. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Groups whose Go packages are not where their name says. */
const PACKAGES: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  'meta.k8s.io': 'io.k8s.apimachinery.pkg.apis.meta',
};

/**
 * The name of a kind's schema: the group backwards for custom resources (`io.wcp360.hosting.v1alpha1.Domain`), the Go package for
 * built-in ones (`io.k8s.api.core.v1.Secret`), which clients know by heart.
 */
export function schemaName({ group, version, kind }: GroupVersionKind): string {
  return `${packageOf(group)}.${version}.${kind}`;
}

/** The name of a schema of meta/v1, such as ObjectMeta. */
export function metaName(kind: string): string {
  return `${META}.${kind}`;
}

/** `api/v1` or `apis/<group>/<version>`: the key of a document. */
export function documentKey(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

function packageOf(group: string): string {
  const known = Object.hasOwn(PACKAGES, group) ? PACKAGES[group] : undefined;
  if (known !== undefined) return known;
  if (group === '') return 'io.k8s.api.core';
  if (!group.includes('.') || group.endsWith('.k8s.io')) return `io.k8s.api.${group.split('.', 1)[0]}`;
  return group.split('.').toReversed().join('.');
}
