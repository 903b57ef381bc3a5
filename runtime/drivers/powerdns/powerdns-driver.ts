import type { RecordSet } from '#schemas/meta/record-set.ts';
import { ownerId, type Conflict, type Driver } from '#runtime/drivers/driver.ts';
import { applyZone, type PowerdnsWorld } from './apply.ts';
import type { PowerdnsAction, ZoneState, ZoneTable } from './model.ts';
import { observeZones } from './observe.ts';
import { planZones } from './plan.ts';
import { advanceZones, zonesOf, type ZonesSnapshot } from './snapshot.ts';

/**
 * Zones of PowerDNS, by its API. Zones of others on the same server are left alone; a change counts from the moment that the server has answered, so there is
 * nothing to settle.
 */
export const powerdnsDriver: Driver<'powerdns', ZonesSnapshot, ZoneTable, PowerdnsAction, PowerdnsWorld> = {
  name: 'powerdns',
  nothing: new Map(),
  normalize: (desired) => new Map([...desired].map(([name, zone]) => [name, normalized(zone)])),
  observe: async ({ host }, signal) => await observeZones(host, signal),
  advance: advanceZones,
  of: (owner, snapshot) => zonesOf(snapshot, ownerId(owner)),
  owners: ({ byOwner }) => byOwner.keys(),
  plan: planZones,
  conflict,
  apply: applyZone,
};

/** The server keeps no order among the records of a set. */
function normalized(zone: ZoneState): ZoneState {
  const sorted = (set: RecordSet): RecordSet => ({ ...set, contents: [...new Set(set.contents)].toSorted() });
  return { ...zone, records: new Map([...zone.records].map(([key, set]) => [key, sorted(set)])) };
}

function conflict(desired: ZoneTable, { zones }: ZonesSnapshot): Conflict | undefined {
  const taken = [...desired.keys()].find((name) => zones.has(name) && zones.get(name)?.owner === undefined);
  if (taken === undefined) return undefined;
  return { reason: 'ZoneTaken', message: `The name server has a zone ${taken} already that is not ours.` };
}
