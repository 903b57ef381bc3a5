import type { ReadOnlyHost } from '#runtime/host/host.ts';
import { keysDirectory } from './key-channel.ts';
import type { Site } from './model.ts';
import { hostnameOf, parseRecord, sitesDirectory, usersDirectory } from './record.ts';
import { emptySnapshot, putSite, type SitesSnapshot } from './snapshot.ts';

/** All records, by three directory reads. A record without a file that it needs is shown as nobody wants it, so that it is written again. */
export async function observeSites(host: ReadOnlyHost, signal: AbortSignal): Promise<SitesSnapshot> {
  const namesIn = async (directory: string): Promise<ReadonlySet<string>> =>
    new Set((await host.readDirectory(directory, signal))?.map((entry) => entry.name));
  const texts = (await host.readTexts(sitesDirectory(host.root), signal)) ?? new Map<string, string>();
  const users = await namesIn(usersDirectory(host.root));
  const keys = await namesIn(keysDirectory(host.root));
  const snapshot = emptySnapshot();
  for (const [name, text] of texts) {
    const site = parseRecord(text);
    if (site === undefined) continue;
    const withUsers = users.has(name) ? site : withoutUsers(site);
    putSite(snapshot, hostnameOf(name), keys.has(name) ? withUsers : withoutKeys(withUsers));
  }
  return snapshot;
}

function withoutUsers(site: Site): Site {
  if (site.access?.basicAuth === undefined) return site;
  return { ...site, access: { ...site.access, basicAuth: { ...site.access.basicAuth, usersFile: '' } } };
}

function withoutKeys(site: Site): Site {
  if (site.tls === undefined) return site;
  return { ...site, tls: { ...site.tls, secret: { ...site.tls.secret, resourceVersion: '' } } };
}
