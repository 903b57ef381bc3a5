import type { Host } from '#runtime/host/host.ts';
import { openApi, readAccess, type Api } from './api.ts';
import { noteRecord, type ListedRecord, type NotedSet } from './listed-records.ts';
import { parseMark } from './mark.ts';
import { emptySnapshot, putZone, type ZonesSnapshot } from './snapshot.ts';

/** As the server lists it. */
interface ListedZone {
  readonly name: string;
  readonly account: string;
  readonly dnssec: boolean;
}

/** More than a server has. */
const most = 100_000_000;

interface ListedSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly { readonly content: string; readonly disabled: boolean }[];
}

/** How many zones are read at a time where they are read one by one. */
const atOnce = 8;

/** All zones and all records, by three requests where the server can search, else by one more for each zone of ours; empty where there is no name server. */
export async function observeZones(host: Host, signal: AbortSignal): Promise<ZonesSnapshot> {
  const snapshot = emptySnapshot();
  if ((await readAccess(host, signal)) === undefined) return snapshot;
  const api = await openApi(host, signal);
  const own = new Map<string, Map<string, NotedSet>>();
  for (const zone of (await api.get('/zones', signal)) as readonly ListedZone[]) {
    const records = new Map<string, NotedSet>();
    if (noteZone(snapshot, zone, records) !== undefined) own.set(zone.name, records);
  }
  const records = (await canSearch(api, signal))
    ? allRecords(api, signal)
    : recordsOfEach([...own.keys()], api, signal);
  for await (const record of records) noteRecord(own.get(record.zone), record);
  for (const sets of own.values()) for (const { contents } of sets.values()) contents.sort();
  return snapshot;
}

/** Tells whose it is, if it is ours. */
function noteZone(
  snapshot: ZonesSnapshot,
  { name, account, dnssec }: ListedZone,
  records: Map<string, NotedSet>,
): string | undefined {
  const { owner, settings, refused = {} } = parseMark(account) ?? {};
  // Whoever took the keys away changed the settings, whatever the mark says.
  const isIntact = settings !== undefined && settings.keys.length > 0 === dnssec;
  putZone(snapshot, name, { owner, settings: isIntact ? settings : undefined, records, refused });
  return owner;
}

/** Of PowerDNS' back-ends those on SQL databases; others answer a search with nothing. */
async function canSearch(api: Api, signal: AbortSignal): Promise<boolean> {
  const settings = (await api.get('/config', signal)) as readonly { readonly name: string; readonly value: string }[];
  const launched = settings.find(({ name }) => name === 'launch')?.value ?? '';
  return launched.split(',').every((name) => /^\s*g(sqlite3|mysql|pgsql|odbc)\b/.test(name));
}

async function* allRecords(api: Api, signal: AbortSignal): AsyncGenerator<ListedRecord> {
  const query = `/search-data?q=*&max=${String(most)}&object_type=record`;
  yield* (await api.get(query, signal)) as readonly ListedRecord[];
}

async function* recordsOfEach(zones: readonly string[], api: Api, signal: AbortSignal): AsyncGenerator<ListedRecord> {
  for (let from = 0; from < zones.length; from += atOnce) {
    const read = zones.slice(from, from + atOnce).map(async (zone) => await recordsOf(zone, api, signal));
    for (const records of await Promise.all(read)) yield* records;
  }
}

async function recordsOf(zone: string, api: Api, signal: AbortSignal): Promise<readonly ListedRecord[]> {
  const found = (await api.find(`/zones/${zone}`, signal)) as { readonly rrsets: readonly ListedSet[] } | undefined;
  return (found?.rrsets ?? []).flatMap(({ name, type, ttl, records }) =>
    records.map((record) => ({ zone, name, type, ttl, ...record })),
  );
}
