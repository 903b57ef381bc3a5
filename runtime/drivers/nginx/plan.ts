import posix from 'node:path/posix';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { NginxAction, Site, SiteTable } from './model.ts';

/** What brings one owner's records from `observed` to `desired`, in order of hostname. */
export function planSites(owner: Owner, desired: SiteTable, observed: SiteTable): readonly NginxAction[] {
  const mark = ownerId(owner);
  const hostnames = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return hostnames.flatMap((hostname): readonly NginxAction[] => {
    const from = observed.get(hostname);
    const to = desired.get(hostname);
    if (isEqual(from, to)) return [];
    const common = {
      driver: 'nginx',
      subject: `nginx/site/${mark}/${hostname}`,
      disruption: 'none',
      changes: fieldChanges(from, to),
    } as const;
    return to === undefined
      ? [{ ...common, op: 'delete-site', reason: 'no longer wanted', input: { hostname, owner: mark } }]
      : [
          {
            ...common,
            op: 'put-site',
            reason: from === undefined ? 'missing' : 'differs',
            input: { hostname, site: to },
          },
        ];
  });
}

/** Gives each hostname with basic auth a users file of its own name, so that it can go with the hostname. */
export function normalizeSites(desired: SiteTable): SiteTable {
  return new Map([...desired].map(([hostname, site]) => [hostname, withOwnUsersFile(hostname, site)]));
}

function withOwnUsersFile(hostname: string, site: Site): Site {
  const auth = site.access?.basicAuth;
  if (site.access === undefined || auth === undefined) return site;
  const name = hostname.startsWith('*') ? `_${hostname.slice(1)}` : hostname;
  const usersFile = `${posix.dirname(auth.usersFile)}/${name}`;
  return auth.usersFile === usersFile
    ? site
    : { ...site, access: { ...site.access, basicAuth: { ...auth, usersFile } } };
}
