import type { ReadOnlyHost } from '#runtime/host/host.ts';
import type { Site } from './model.ts';
import { hostnameOf, parseRecord, sitesDirectory, usersDirectory } from './record.ts';
import { emptySnapshot, putSite, type SitesSnapshot } from './snapshot.ts';

/** All records, by two directory reads. A record without the users file it names is shown without basic auth, so that it is written again. */
export async function observeSites(host: ReadOnlyHost, signal: AbortSignal): Promise<SitesSnapshot> {
  const texts = (await host.readTexts(sitesDirectory(host.root), signal)) ?? new Map<string, string>();
  const users = new Set((await host.readDirectory(usersDirectory(host.root), signal))?.map((entry) => entry.name));
  const snapshot = emptySnapshot();
  for (const [name, text] of texts) {
    const site = parseRecord(text);
    if (site !== undefined) putSite(snapshot, hostnameOf(name), users.has(name) ? site : withoutBasicAuth(site));
  }
  return snapshot;
}

function withoutBasicAuth(site: Site): Site {
  if (site.access?.basicAuth === undefined) return site;
  const { basicAuth: _, ...access } = site.access;
  return { ...site, access };
}
