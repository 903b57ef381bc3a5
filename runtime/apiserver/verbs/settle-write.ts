import type { VerbContext } from './context.ts';
import type { WriteRequest, Written } from './write-request.ts';

/** Collections that decide how later requests are answered: definitions, rights, namespaces. */
const governing = new Set([
  'apiextensions.k8s.io/customresourcedefinitions',
  'core/namespaces',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
]);

/**
 * Waits until this server's own cache has a write that later requests depend on without reading it themselves: whoever was told that a role is
 * written may use it at once. Other writes need no wait, since reads bring the cache up to date.
 */
export async function settleWrite(
  context: VerbContext,
  write: WriteRequest,
  written: Pick<Written, 'object' | 'goneAt'>,
): Promise<void> {
  if (write.dryRun || !governing.has(write.resource.info.collection)) return;
  const revision = written.goneAt ?? Number(written.object.metadata.resourceVersion);
  if (revision > context.cache.revision) await context.cache.waitFor(revision, { signal: context.signal });
}
