import { recordKey, type RecordSet } from '#schemas/meta/record-set.ts';
import type { Host } from '#runtime/host/host.ts';
import { openApi, readAccess } from './api.ts';
import { parseMark } from './mark.ts';
import { emptySnapshot, putZone, type ZonesSnapshot } from './snapshot.ts';

/** As the server lists it. */
interface ListedZone {
  readonly name: string;
  readonly account: string;
  readonly dnssec: boolean;
}

interface ListedRecord {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly content: string;
  readonly disabled: boolean;
}

/** More than a server has. */
const most = 100_000_000;

/** All zones and all records, by two requests; empty where there is no name server. */
export async function observeZones(host: Host, signal: AbortSignal): Promise<ZonesSnapshot> {
  const snapshot = emptySnapshot();
  if ((await readAccess(host, signal)) === undefined) return snapshot;
  const api = await openApi(host, signal);
  for (const { name, account, dnssec } of (await api.get('/zones', signal)) as readonly ListedZone[]) {
    const { owner, settings } = parseMark(account) ?? {};
    // Whoever took the keys away changed the settings, whatever the mark says.
    const isIntact = settings !== undefined && settings.keys.length > 0 === dnssec;
    putZone(snapshot, name, {
      owner,
      settings: isIntact ? settings : undefined,
      records: new Map<string, RecordSet>(),
    });
  }
  const query = `/search-data?q=*&max=${String(most)}&object_type=record`;
  for (const record of (await api.get(query, signal)) as readonly ListedRecord[]) noteRecord(snapshot, record);
  for (const { records } of snapshot.zones.values()) sortContents(records);
  return snapshot;
}

function noteRecord({ zones }: ZonesSnapshot, { zone, name, type, ttl, content, disabled }: ListedRecord): void {
  const found = zones.get(zone);
  if (found?.owner === undefined || disabled) return;
  const key = recordKey(name, type);
  const contents = [...(found.records.get(key)?.contents ?? []), type === 'SOA' ? withoutSerial(content) : content];
  found.records.set(key, { ttlSeconds: ttl, contents });
}

function sortContents(records: Map<string, RecordSet>): void {
  for (const [key, set] of records) {
    if (set.contents.length > 1) records.set(key, { ...set, contents: set.contents.toSorted() });
  }
}

/** The serial number is the server's. */
function withoutSerial(content: string): string {
  const words = content.split(' ');
  return words.with(2, '0').join(' ');
}
