import type { RbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { createEscalationPlugin } from '#runtime/apiserver/auth/rbac/escalation.ts';
import type { AdmissionPlugin, Operations } from '#runtime/apiserver/operations.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import { createCertificatesPlugin } from './certificates.ts';
import { createNamespaceLifecyclePlugin } from './namespace-lifecycle.ts';
import { quotaKeeperOf } from './quota/keeper.ts';
import { createQuotaPlugin } from './quota/plugin.ts';

/** All checks of a write in the order in which they are asked; quota comes last, because it charges what the others let through. */
export function createAdmissionPlugins(options: {
  readonly cache: WatchCache;
  readonly authorizer: RbacAuthorizer;
  readonly operations: Operations;
  readonly clock?: Clock;
}): readonly AdmissionPlugin[] {
  const { cache, operations, authorizer, clock = systemClock } = options;
  return [
    createNamespaceLifecyclePlugin(options),
    createEscalationPlugin(options),
    createCertificatesPlugin({ authorizer, clock }),
    createQuotaPlugin(quotaKeeperOf({ cache, operations, clock })),
  ];
}
