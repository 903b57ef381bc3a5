import type { NginxAction, Site, SiteTable } from './model.ts';

/** All records of a host, by hostname and by owner. Belongs to the loop; `advanceSites` changes it in place. */
export interface SitesSnapshot {
  readonly sites: Map<string, Site>;
  readonly byOwner: Map<string, Map<string, Site>>;
}

/** A snapshot of nothing. */
export function emptySnapshot(): SitesSnapshot {
  return { sites: new Map(), byOwner: new Map() };
}

/** The records of one owner; empty when it has none. */
export function sitesOf(snapshot: SitesSnapshot, owner: string): SiteTable {
  return snapshot.byOwner.get(owner) ?? noSites;
}

/** Every owner that has a record here: what a look for orphans starts from. */
export function ownersOf(snapshot: SitesSnapshot): readonly string[] {
  return [...snapshot.byOwner.keys()];
}

/** Adds or replaces one record. */
export function putSite(snapshot: SitesSnapshot, hostname: string, site: Site): void {
  dropSite(snapshot, hostname);
  snapshot.sites.set(hostname, site);
  const own = snapshot.byOwner.get(site.owner);
  if (own === undefined) snapshot.byOwner.set(site.owner, new Map([[hostname, site]]));
  else own.set(hostname, site);
}

/** The snapshot after these actions, without looking again. */
export function advanceSites(snapshot: SitesSnapshot, done: readonly NginxAction[]): SitesSnapshot {
  for (const action of done) {
    const { hostname } = action.input;
    if (action.op === 'put-site') putSite(snapshot, hostname, action.input.site);
    else if (snapshot.sites.get(hostname)?.owner === action.input.owner) dropSite(snapshot, hostname);
  }
  return snapshot;
}

function dropSite(snapshot: SitesSnapshot, hostname: string): void {
  const site = snapshot.sites.get(hostname);
  if (site === undefined) return;
  snapshot.sites.delete(hostname);
  const own = snapshot.byOwner.get(site.owner);
  own?.delete(hostname);
  if (own?.size === 0) snapshot.byOwner.delete(site.owner);
}

const noSites: SiteTable = new Map();
