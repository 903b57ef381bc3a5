import { ApiError } from '#runtime/base/errors.ts';

/** Counts what each tenant has open. */
export interface Shares {
  /** ApiError 429 when a tenant has its share already; the result gives the place back. */
  enter(tenant: string): () => void;
  /** Of all tenants together. */
  total(): number;
}

export function createShares(perTenant: number): Shares {
  const open = new Map<string, number>();
  return {
    total: () => [...open.values()].reduce((sum, count) => sum + count, 0),
    enter: (tenant) => {
      const count = open.get(tenant) ?? 0;
      if (count >= perTenant) {
        const message = `Tenant ${tenant} has ${perTenant} streams open, which is all that it may; end one of them first.`;
        throw new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 5 });
      }
      open.set(tenant, count + 1);
      return () => {
        const left = (open.get(tenant) ?? 1) - 1;
        if (left === 0) open.delete(tenant);
        else open.set(tenant, left);
      };
    },
  };
}
