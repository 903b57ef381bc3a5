import { ApiError } from '#runtime/base/errors.ts';
import type { TenantSeat } from '#runtime/host/tenant-processes.ts';

/** The programs of each tenant that may change its files. */
export interface Writers {
  /** To be entered before anything is awaited. A seat that is read-only is none, and its signal never aborts. */
  enter(seat: Pick<TenantSeat, 'tenant' | 'isReadOnly'>): Writer;
  count(tenant: string): number;
  end(tenant: string): void;
}

export interface Writer {
  /** Aborts, with an ApiError 409 for whoever runs it, when nobody may write any longer. */
  readonly signal: AbortSignal;
  leave(): void;
}

const farewell = 'The tenant is being moved to another host; its files are read-only now.';

export function createWriters(): Writers {
  const byTenant = new Map<string, Set<AbortController>>();
  return {
    enter: ({ tenant, isReadOnly }) => {
      const own = new AbortController();
      const all = byTenant.get(tenant) ?? new Set();
      if (!isReadOnly) byTenant.set(tenant, all.add(own));
      return {
        signal: own.signal,
        leave: () => {
          if (all.delete(own) && all.size === 0) byTenant.delete(tenant);
        },
      };
    },
    count: (tenant) => byTenant.get(tenant)?.size ?? 0,
    end: (tenant) => {
      for (const writer of byTenant.get(tenant) ?? []) writer.abort(new ApiError(409, 'Conflict', farewell));
    },
  };
}
