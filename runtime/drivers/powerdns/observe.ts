import { recordKey, type RecordSet } from '#schemas/meta/record-set.ts';
import type { Host } from '#runtime/host/host.ts';
import { openApi, readAccess, type Api } from './api.ts';
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
  for (const { name, account, dnssec } of (await api.get('/zones', signal)) as readonly ListedZone[]) {
    const { owner, settings, refused = {} } = parseMark(account) ?? {};
    // Whoever took the keys away changed the settings, whatever the mark says.
    const isIntact = settings !== undefined && settings.keys.length > 0 === dnssec;
    putZone(snapshot, name, {
      owner,
      settings: isIntact ? settings : undefined,
      records: new Map<string, RecordSet>(),
      refused,
    });
  }
  const records = (await canSearch(api, signal)) ? allRecords(api, signal) : recordsOfEach(snapshot, api, signal);
  for await (const record of records) noteRecord(snapshot, record);
  for (const { records } of snapshot.zones.values()) sortContents(records);
  return snapshot;
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

async function* recordsOfEach({ zones }: ZonesSnapshot, api: Api, signal: AbortSignal): AsyncGenerator<ListedRecord> {
  const own = [...zones].flatMap(([zone, { owner }]) => (owner === undefined ? [] : [zone]));
  for (let from = 0; from < own.length; from += atOnce) {
    const read = own.slice(from, from + atOnce).map(async (zone) => await recordsOf(zone, api, signal));
    for (const records of await Promise.all(read)) yield* records;
  }
}

async function recordsOf(zone: string, api: Api, signal: AbortSignal): Promise<readonly ListedRecord[]> {
  const found = (await api.find(`/zones/${zone}`, signal)) as { readonly rrsets: readonly ListedSet[] } | undefined;
  return (found?.rrsets ?? []).flatMap(({ name, type, ttl, records }) =>
    records.map((record) => ({ zone, name, type, ttl, ...record })),
  );
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
