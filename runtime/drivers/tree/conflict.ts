import { isAccountUid } from '#schemas/meta/names.ts';
import type { Conflict } from '#runtime/drivers/driver.ts';
import { tenantOf } from './carried-uids.ts';
import type { Tree } from './model.ts';
import type { TreesSnapshot } from './observe.ts';

/**
 * The files of a tenant and its user id stay together: nothing is wanted for it under one number while files of its own carry another, or files of another
 * tenant this one.
 */
export function conflictOf(desired: Tree, { carried }: TreesSnapshot): Conflict | undefined {
  for (const [path, { uid }] of desired.directories) {
    if (!isAccountUid(uid)) continue;
    const tenant = tenantOf(path);
    const other = firstBut(uid, carried.byTenant.get(tenant));
    if (other !== undefined) return uidMismatch(`Files of ${tenant} carry user id ${other} on this host, not ${uid}.`);
    // Customers read this: whose else the number is, is not for them.
    if (firstBut(tenant, carried.byUid.get(uid)) !== undefined)
      return uidMismatch(`Files of another tenant carry user id ${uid} on this host.`);
  }
  return undefined;
}

export function uidMismatch(what: string): Conflict {
  const message = `${what} Nothing is changed until that is put right: by itself where it can be, else by the administrator (guide “Operations”, “User ids”).`;
  return { reason: 'UidMismatch', message };
}

function firstBut<K>(wanted: K, found: ReadonlyMap<K, unknown> | undefined): K | undefined {
  return found?.keys().find((key) => key !== wanted);
}
