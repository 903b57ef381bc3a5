import { recordKey } from '#schemas/meta/record-set.ts';

/** A record as the server lists it. */
export interface ListedRecord {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly content: string;
  readonly disabled: boolean;
}

/** A set of records while they are listed: it grows. */
export interface NotedSet {
  ttlSeconds: number;
  readonly contents: string[];
}

/** Puts a record into its set; into none where the zone is somebody else's, or nobody is answered with it. */
export function noteRecord(
  sets: Map<string, NotedSet> | undefined,
  { name, type, ttl, content, disabled }: ListedRecord,
): void {
  if (sets === undefined || disabled) return;
  const key = recordKey(name, type);
  const set = sets.get(key) ?? { ttlSeconds: ttl, contents: [] };
  sets.set(key, set);
  set.ttlSeconds = ttl;
  set.contents.push(type === 'SOA' ? withoutSerial(content) : content);
}

/** The serial number is the server's. */
function withoutSerial(content: string): string {
  const words = content.split(' ');
  return words.with(2, '0').join(' ');
}
