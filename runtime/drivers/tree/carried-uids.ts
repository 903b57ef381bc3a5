import { posix } from 'node:path';
import { isAccountUid } from '#schemas/meta/names.ts';

/**
 * Which user ids the files of which tenants carry on this machine, in place and kept. The outermost directories that are a tenant's tell: what is inside of
 * them is its own affair.
 */
export interface CarriedUids {
  /** Where everything is told: tenant → its numbers, one unless somebody else had a hand in it. */
  readonly byTenant: ReadonlyMap<string, ReadonlyMap<number, unknown>>;
  readonly byUid: ReadonlyMap<number, ReadonlyMap<string, unknown>>;
  /** A directory of the tenant that `path` names, which lies at `place`. Parents come before what is inside of them. */
  put(path: string, uid: number, place?: string): void;
  move(from: string, to: string): void;
  drop(place: string): void;
}

interface Carrier {
  readonly tenant: string;
  readonly uid: number;
}

/** A machine without files of tenants. */
export function createCarriedUids(): CarriedUids {
  const carriers = new Map<string, Carrier>();
  const byTenant: Tally<string, number> = new Map();
  const byUid: Tally<number, string> = new Map();
  const set = (place: string, carrier: Carrier | undefined): void => {
    const before = carriers.get(place);
    if (before !== undefined) {
      carriers.delete(place);
      count(byTenant, [before.tenant, before.uid], -1);
      count(byUid, [before.uid, before.tenant], -1);
    }
    if (carrier === undefined) return;
    carriers.set(place, carrier);
    count(byTenant, [carrier.tenant, carrier.uid], 1);
    count(byUid, [carrier.uid, carrier.tenant], 1);
  };
  return {
    byTenant,
    byUid,
    put: (path, uid, place = path) => {
      const isOutermost = isAccountUid(uid) && !carriers.has(posix.dirname(place));
      set(place, isOutermost ? { tenant: tenantOf(path), uid } : undefined);
    },
    move: (from, to) => {
      const carrier = carriers.get(from);
      set(from, undefined);
      set(to, carrier);
    },
    drop: (place) => set(place, undefined),
  };
}

/** Whose a path `tenants/<tenant>/…` is. */
export function tenantOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** How often each pair was seen; pairs that were not are not in it. */
type Tally<A, B> = Map<A, Map<B, number>>;

function count<A, B>(tally: Tally<A, B>, [a, b]: readonly [A, B], by: 1 | -1): void {
  const counts = tally.get(a) ?? new Map<B, number>();
  const left = (counts.get(b) ?? 0) + by;
  if (left === 0) counts.delete(b);
  else counts.set(b, left);
  if (counts.size === 0) tally.delete(a);
  else tally.set(a, counts);
}
