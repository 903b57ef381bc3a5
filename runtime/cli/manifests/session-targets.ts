import type { Manifest } from '#runtime/manifests/manifest.ts';
import { targetsOf, type Target } from '#runtime/manifests/target.ts';
import type { Session } from '#runtime/cli/session.ts';

/** What files hold, as the session's server and namespace make objects of it; in the order in which it is to be applied. */
export async function sessionTargets(session: Session, manifests: readonly Manifest[]): Promise<readonly Target[]> {
  const { resources } = await session.mapper();
  return targetsOf(manifests, { resources, namespace: await session.namespace() });
}
