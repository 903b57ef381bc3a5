import { ownerId, type Driver } from '#runtime/drivers/driver.ts';
import type { Host } from '#runtime/host/host.ts';
import { applySite, type NginxWorld } from './apply.ts';
import type { NginxAction, SiteTable } from './model.ts';
import { observeSites } from './observe.ts';
import { normalizeSites, planSites } from './plan.ts';
import { parseRecord, sitesDirectory } from './record.ts';
import { advanceSites, ownersOf, sitesOf, type SitesSnapshot } from './snapshot.ts';

/**
 * The web front's site table. nginx itself is started once by `startFront` and never reloaded for a site: a record counts from the moment it is renamed
 * into place, so there is nothing to settle.
 */
export const nginxDriver: Driver<'nginx', SitesSnapshot, SiteTable, NginxAction, NginxWorld> = {
  name: 'nginx',
  nothing: new Map(),
  normalize: normalizeSites,
  observe: (world, signal) => observeSites(world.host, signal),
  advance: advanceSites,
  of: (owner, snapshot) => sitesOf(snapshot, ownerId(owner)),
  owners: ownersOf,
  plan: planSites,
  apply: applySite,
  watchDrift: (world, onDrift, signal) => watchSites(world.host, onDrift, signal),
};

/** Tells whose record changed by its mark; of a record that is gone or unreadable nobody knows, so every owner is told. */
async function watchSites(
  host: Host,
  onDrift: (owners: readonly string[] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const tell = async (path: string): Promise<void> => {
    const text = await host.readText(path, signal).catch(() => undefined);
    const owner = text === undefined ? undefined : parseRecord(text)?.owner;
    onDrift(owner === undefined ? undefined : [owner]);
  };
  await host.watchFiles(
    sitesDirectory(host.root),
    (path) => {
      if (!signal.aborted) void tell(path);
    },
    signal,
    { flat: true },
  );
}
