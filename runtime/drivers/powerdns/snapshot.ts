import { recordKey, type RecordChange, type RecordSet } from '#schemas/meta/record-set.ts';
import type { PowerdnsAction, ZoneState, ZoneTable } from './model.ts';
import type { RefusedRecords } from './record.ts';

/** All zones of a server, ours and those of others. Belongs to the loop; `advanceZones` changes it in place. */
export interface ZonesSnapshot {
  readonly zones: Map<string, FoundZone>;
  readonly byOwner: Map<string, Set<string>>;
}

interface FoundZone {
  /** `undefined`: somebody else's, which is never touched. */
  readonly owner: string | undefined;
  settings: ZoneState['settings'];
  readonly records: Map<string, RecordSet>;
  readonly refused: RefusedRecords;
}

export function emptySnapshot(): ZonesSnapshot {
  return { zones: new Map(), byOwner: new Map() };
}

/** Notes a zone as it was found. */
export function putZone(snapshot: ZonesSnapshot, name: string, zone: FoundZone): void {
  dropZone(snapshot, name);
  snapshot.zones.set(name, zone);
  if (zone.owner === undefined) return;
  const own = snapshot.byOwner.get(zone.owner);
  if (own === undefined) snapshot.byOwner.set(zone.owner, new Set([name]));
  else own.add(name);
}

function dropZone(snapshot: ZonesSnapshot, name: string): void {
  const owner = snapshot.zones.get(name)?.owner ?? '';
  snapshot.zones.delete(name);
  const own = snapshot.byOwner.get(owner);
  own?.delete(name);
  if (own?.size === 0) snapshot.byOwner.delete(owner);
}

/** The zones of one owner; empty when it has none. */
export function zonesOf({ zones, byOwner }: ZonesSnapshot, owner: string): ZoneTable {
  const names = byOwner.get(owner);
  if (names === undefined) return noZones;
  return new Map(
    [...names].flatMap((name) => (zones.has(name) ? [[name, zones.get(name)] as const] : [])),
  ) as ZoneTable;
}

const noZones: ZoneTable = new Map();

/** The snapshot after these actions, without looking again. */
export function advanceZones(snapshot: ZonesSnapshot, done: readonly PowerdnsAction[]): ZonesSnapshot {
  for (const { op, input } of done) {
    const zone = snapshot.zones.get(input.zone);
    switch (op) {
      case 'create-zone': {
        const records = new Map<string, RecordSet>();
        changeRecords(records, input.records);
        putZone(snapshot, input.zone, { owner: input.owner, settings: input.settings, records, refused: {} });
        break;
      }
      case 'put-settings':
      case 'delete-keys':
        if (zone !== undefined) zone.settings = input.settings;
        break;
      case 'put-records':
      case 'delete-records':
        if (zone !== undefined) changeRecords(zone.records, input.records);
        break;
      case 'delete-zone':
        dropZone(snapshot, input.zone);
        break;
    }
  }
  return snapshot;
}

function changeRecords(records: Map<string, RecordSet>, changes: readonly RecordChange[]): void {
  for (const { name, type, set } of changes) {
    if (set === undefined) records.delete(recordKey(name, type));
    else records.set(recordKey(name, type), set);
  }
}
