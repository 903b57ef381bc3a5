import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { hostsOf } from '#controllers/whereabouts.ts';

/** Hosts that were chosen a moment ago: until the cache shows a choice, whoever chooses next must know of it, or a host is promised twice. */
export interface Choices {
  note(tenant: string, host: string): void;
  forget(tenant: string): void;
  /** The host chosen for a tenant, as long as the cache does not show it. */
  of(tenant: string, cache: Cache): string | undefined;
  /** Names of the tenants for which a host was chosen, and of which the cache does not show it. */
  on(host: string, cache: Cache): readonly string[];
}

/** No choice was made yet. */
export function createChoices(): Choices {
  const chosen = new Map<string, string>();
  const of: Choices['of'] = (tenant, cache) => {
    const host = chosen.get(tenant);
    const known = cache.get(tenantKind, { name: tenant });
    if (known !== undefined && !hostsOf(known.status).includes(host ?? '')) return host;
    chosen.delete(tenant);
    return undefined;
  };
  return {
    note: (tenant, host) => void chosen.set(tenant, host),
    forget: (tenant) => void chosen.delete(tenant),
    of,
    on: (host, cache) => [...chosen.keys()].filter((tenant) => of(tenant, cache) === host),
  };
}
