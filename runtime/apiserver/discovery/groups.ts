import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { compareVersions } from './version-order.ts';

/** What is served of one group, versions best first. */
export interface GroupVersions {
  readonly group: string;
  readonly versions: readonly { readonly version: string; readonly resources: readonly ResourceInfo[] }[];
}

/** Groups by name (the core group, whose name is empty, comes first), their versions in Kubernetes' order, resources by name. */
export function groupsOf(resources: readonly ResourceInfo[]): readonly GroupVersions[] {
  const byGroup = Map.groupBy(resources, ({ group }) => group);
  return [...byGroup.keys()].toSorted().map((group) => {
    const byVersion = Map.groupBy(byGroup.get(group) ?? [], ({ version }) => version);
    const versions = [...byVersion.keys()].toSorted(compareVersions).map((version) => ({
      version,
      resources: (byVersion.get(version) ?? []).toSorted((a, b) => (a.resource < b.resource ? -1 : 1)),
    }));
    return { group, versions };
  });
}
