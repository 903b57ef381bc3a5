import type { RecordChange } from '#schemas/meta/record-set.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Api } from './api.ts';
import { refusedRecord, type RefusedRecords } from './record.ts';

interface Reach {
  readonly api: Api;
  readonly signal: AbortSignal;
}

/** Changes record sets in one request. Where the server refuses that, it takes whatever can be had without what it refuses, which is returned. */
export async function putRecords(
  zone: string,
  records: readonly RecordChange[],
  reach: Reach,
): Promise<RefusedRecords> {
  // A set and what stands in its way go together.
  const groups = [...Map.groupBy(records, ({ name }) => name).values()];
  return await putGroups(zone, groups, reach);
}

async function putGroups(
  zone: string,
  groups: readonly (readonly RecordChange[])[],
  reach: Reach,
): Promise<RefusedRecords> {
  try {
    await patch(zone, groups.flat(), reach);
    return {};
  } catch (err) {
    if (!isRefusal(err)) throw err;
    const parts = partsOf(groups);
    if (parts.length === 0) throw err;
    if (parts.length === 1) return refusedOf(groups.flat(), err);
    let refused: RefusedRecords = {};
    for (const part of parts) refused = { ...refused, ...(await putGroups(zone, part, reach)) };
    return refused;
  }
}

/** Halves; of one name each set alone. */
function partsOf(groups: readonly (readonly RecordChange[])[]): readonly (readonly (readonly RecordChange[])[])[] {
  const [only = []] = groups;
  if (groups.length === 1) {
    const removals = only.filter(({ set }) => set === undefined);
    return only.filter(({ set }) => set !== undefined).map((change) => [[...removals, change]]);
  }
  const middle = Math.ceil(groups.length / 2);
  return [groups.slice(0, middle), groups.slice(middle)];
}

function refusedOf(changes: readonly RecordChange[], { message }: RefusedError): RefusedRecords {
  return Object.assign({}, ...changes.map((change) => refusedRecord(change, message))) as RefusedRecords;
}

export function isRefusal(err: unknown): err is RefusedError {
  return err instanceof RefusedError && err.reason === 'RecordRefused';
}

async function patch(zone: string, records: readonly RecordChange[], { api, signal }: Reach): Promise<void> {
  const rrsets = records.map(rrsetOf);
  const soa = records.findIndex(({ type }) => type === 'SOA');
  if (soa >= 0) {
    const serial = await serialOf(zone, { api, signal });
    rrsets[soa] = rrsetOf(withSerial(records[soa] as RecordChange, serial));
  }
  await api.send('PATCH', `/zones/${zone}`, { rrsets }, signal);
}

async function serialOf(zone: string, { api, signal }: Reach): Promise<number> {
  const found = (await api.get(`/zones/${zone}?rrsets=false`, signal)) as { readonly serial: number };
  return found.serial;
}

/** The server counts on from the number that it is given. */
export function withSerial({ name, type, set }: RecordChange, serial: number): RecordChange {
  if (set === undefined) return { name, type };
  const contents = set.contents.map((content) => content.split(' ').with(2, String(serial)).join(' '));
  return { name, type, set: { ...set, contents } };
}

/** As the API takes it. */
export function rrsetOf({ name, type, set }: RecordChange): unknown {
  if (set === undefined) return { name, type, changetype: 'DELETE' };
  const records = set.contents.map((content) => ({ content, disabled: false }));
  return { name, type, changetype: 'REPLACE', ttl: set.ttlSeconds, records };
}
