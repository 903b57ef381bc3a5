import { desiredPools, desiredTree } from '#controllers/domain/host/desired.ts';
import { desiredSites } from '#controllers/domain/host/sites.ts';
import { namesOf } from '#controllers/domain/names.ts';
import type { Domain } from '#schemas/index.ts';

/** Paths of a Domain's records, on a host that has all it wants, each with the text or number that stands there. */
export function domainRecords(domain: Domain): ReadonlyMap<string, string> {
  const inputs = {
    tenant: 'acme',
    accountId: 20_000,
    frontGid: 33,
    root: '/srv/wcp360',
    names: namesOf(domain),
    isStill: false,
    isNoted: false,
    secretVersions: {},
    php: { version: '8.2', children: 8, memoryBytes: 1 },
  };
  const records = {
    sites: desiredSites(domain, inputs),
    pools: desiredPools(domain, inputs),
    tree: desiredTree(domain, inputs),
  };
  return new Map(leaves(records, ''));
}

/** Keys count as leaves, too: a text may become one. */
function leaves(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return entries.flatMap(([key, part]) => [[`${path}.${key}`, key], ...leaves(part, `${path}.${key}`)] as const);
}
