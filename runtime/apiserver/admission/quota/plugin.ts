import type { AdmissionPlugin } from '#runtime/apiserver/operations.ts';
import type { QuotaKeeper } from './keeper.ts';

/** Refuses a create for which a ResourceQuota of its namespace has no room (Kubernetes docs, "Resource Quotas", object counts). Must be asked last. */
export function createQuotaPlugin(keeper: QuotaKeeper): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    validate: async (request) => {
      if (request.operation !== 'create' || request.subresource !== '' || !request.resource.namespaced) return;
      await keeper.charge(request);
    },
  };
}
