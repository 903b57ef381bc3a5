/** `recordKey` → the records of one name and type. */
export type RecordSets = ReadonlyMap<string, RecordSet>;

export interface RecordSet {
  readonly ttlSeconds: number;
  /** As in a zone file, spelled as `contentOf` does, in order; the serial number of a SOA is 0. */
  readonly contents: readonly string[];
}

/** One change of a record set; without a set it goes. */
export interface RecordChange {
  readonly name: string;
  readonly type: string;
  readonly set?: RecordSet;
}

/** How a record set is found: `www.acme.example. A`. */
export function recordKey(name: string, type: string): string {
  return `${name} ${type}`;
}

/** Nothing stands beside a CNAME (RFC 2181 §10.1), and no address beside what stands for one. */
export function excludesType(type: string, beside: string): boolean {
  return [
    [type, beside],
    [beside, type],
  ].some(([one = '', other = '']) => one === 'CNAME' || (one === 'ALIAS' && ['A', 'AAAA'].includes(other)));
}

/** Name and type of a `recordKey`. */
export function recordOf(key: string): { readonly name: string; readonly type: string } {
  const [name = '', type = ''] = key.split(' ');
  return { name, type };
}
