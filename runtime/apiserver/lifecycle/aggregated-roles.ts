import { aggregatedRules, storedRule } from '#runtime/apiserver/auth/rbac/aggregation.ts';
import { aggregationSelectorsOf, rbacCollections, rbacGroup, rulesOf } from '#runtime/apiserver/auth/rbac/model.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import { required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { LifecycleTask } from './loop.ts';

const aggregatedIndex = 'aggregated';

/** Keeps the rules of aggregated ClusterRoles the union of those that their selectors match (Kubernetes docs, "Aggregated ClusterRoles"). */
export function aggregatedRoles(options: {
  readonly operations: Operations;
  readonly cache: WatchCache;
}): LifecycleTask {
  const { operations, cache } = options;
  cache.defineIndex(rbacCollections.clusterRoles, {
    name: aggregatedIndex,
    valuesOf: (role) => (aggregationSelectorsOf(role) === undefined ? [] : ['yes']),
  });
  const aggregated = () => cache.byIndex(rbacCollections.clusterRoles, aggregatedIndex, 'yes');
  return {
    name: 'aggregated-roles',
    workers: 1,
    resync: (queue) => {
      for (const { name } of aggregated()) queue.add(name, 'later');
    },
    observe: (event, queue) => {
      if (event.current.collection !== rbacCollections.clusterRoles) return;
      // Few roles are aggregated, and one of them may collect another: each is compared, none is written unless it differs.
      for (const { name } of aggregated()) queue.add(name);
    },
    work: async (name) => {
      const role = cache.get(rbacCollections.clusterRoles, '', name)?.object;
      if (role === undefined || changedRole(role, cache) === undefined) return;
      const resource = required(operations.resource(rbacGroup, 'clusterroles'), 'the resource clusterroles');
      await operations.mutate(resource, { namespace: '', name }, (live) => changedRole(live, cache));
    },
  };
}

function changedRole(role: KubeObject, cache: WatchCache): KubeObject | undefined {
  const wanted = aggregatedRules(role, clusterRoles(cache));
  if (wanted === undefined || isEqual(wanted, rulesOf(role))) return undefined;
  return { ...role, rules: wanted.map(storedRule) };
}

function* clusterRoles(cache: WatchCache): Iterable<KubeObject> {
  for (const { object } of cache.list(rbacCollections.clusterRoles)) yield object;
}
