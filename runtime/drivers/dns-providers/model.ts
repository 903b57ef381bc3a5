import {
  excludesType,
  recordOf,
  type RecordChange,
  type RecordSet,
  type RecordSets,
} from '#schemas/meta/record-set.ts';
import type { Action } from '#runtime/plan/plan.ts';

/** Whose name servers answer for a zone, as a Zone names them. */
export const PROVIDER_IDS = ['cloudflare', 'digitalOcean', 'hetzner', 'route53'] as const;
export type ProviderId = (typeof PROVIDER_IDS)[number];

/** As they call themselves. */
export const PROVIDER_NAMES: Readonly<Record<ProviderId, string>> = {
  cloudflare: 'Cloudflare',
  digitalOcean: 'DigitalOcean',
  hetzner: 'Hetzner',
  route53: 'Route 53',
};

/** By what a zone is reached at its provider. The Secret is read when an action is carried out; its version makes a change of it visible. */
export interface ProviderAccess {
  readonly provider: ProviderId;
  readonly secret: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  /** Of several zones of one name, the one with this id; only where a provider has several. */
  readonly zoneId?: string;
}

/** A zone at its provider: what is wanted there, or what we have there. `undefined`: nobody has anything to do with it. */
export type ProviderState = ProvidedZone | undefined;

export interface ProvidedZone {
  /** The name, with the dot at its end. */
  readonly zone: string;
  readonly access: ProviderAccess;
  /** Wanted; of what was found, those that are ours. */
  readonly records: RecordSets;
  /** The last request to look anew. */
  readonly request?: string | undefined;
  /** Absent in what is wanted. */
  readonly found?: FoundZone;
}

/** What a look has shown. */
export interface FoundZone {
  readonly place: ZonePlace;
  /** Everything that is there, whosever it is. */
  readonly sets: ReadonlyMap<string, FoundSet>;
  /** Keys of record sets that we wrote, or were about to: stored before the provider heard of them. */
  readonly noted: ReadonlySet<string>;
}

/** Where a zone is at its provider. */
export interface ZonePlace {
  readonly id: string;
  /** What the registrar has to have. */
  readonly nameservers: readonly string[];
  readonly signing: Signing;
  /** Of sets that say none. */
  readonly ttlSeconds?: number;
}

/** Whether answers are signed; that is for the provider to do, and for people to turn on there. */
export type Signing =
  | { readonly state: 'Signed'; /** `12345 13 2 …`, as far as the provider tells. */ readonly ds: readonly string[] }
  | { readonly state: 'NotSigned' | 'Unsupported' | 'Unknown' };

/** One record set as it is at a provider. */
export interface FoundSet extends RecordSet {
  /** What the provider calls each record, in the order of `contents`, where it has a name or a spelling of its own for them. */
  readonly ids?: readonly string[];
  /** It is something that a zone file cannot say (an alias, one of several weights): never ours. */
  readonly isForeign?: true;
}

interface OfZone {
  /** `ownerId` of the Zone. */
  readonly owner: string;
  readonly zone: string;
  readonly access: ProviderAccess;
}

interface RecordsOfZone extends OfZone {
  readonly records: readonly RecordChange[];
}

interface NotesOfZone extends OfZone {
  /** All that is ours from now on. */
  readonly keys: readonly string[];
}

export type DnsProvidersAction =
  | Action<'dns-providers', 'look-at-zone', OfZone & { readonly request?: string | undefined }>
  /** Stores what is about to be ours, before the provider hears of it. */
  | Action<'dns-providers', 'note-records', NotesOfZone>
  | Action<'dns-providers', 'put-records', RecordsOfZone>
  | Action<'dns-providers', 'delete-records', RecordsOfZone>
  /** Stores what is ours no longer, after it has gone. */
  | Action<'dns-providers', 'delete-notes', NotesOfZone>
  | Action<'dns-providers', 'forget-zone', { readonly owner: string }>;

/** What a person made at the provider stands in the way of what is declared: keys of wanted sets that stay unwritten. Pure. */
export function blockedBy(desired: RecordSets, { sets, noted }: FoundZone): ReadonlyMap<string, string> {
  const foreign = [...sets].filter(([key, { isForeign }]) => isForeign === true || !noted.has(key));
  const byName = Map.groupBy(foreign, ([key]) => recordOf(key).name);
  return new Map(
    [...desired].flatMap(([key, set]) => {
      const beside = byName.get(recordOf(key).name) ?? [];
      const [blocking] = beside.find(([other, found]) => isInTheWay({ key, set }, other, found)) ?? [];
      return blocking === undefined ? [] : [[key, blocking] as const];
    }),
  );
}

/** Another set of the same name and type, unless it says the same, which makes it ours; and whatever cannot stand beside. */
function isInTheWay(
  { key, set }: { readonly key: string; readonly set: RecordSet },
  other: string,
  found: FoundSet,
): boolean {
  return key === other ? !isSameSet(set, found) : excludesType(recordOf(key).type, recordOf(other).type);
}

/** Whether what is there says what is wanted. */
function isSameSet(wanted: RecordSet, found: FoundSet): boolean {
  return (
    found.isForeign === undefined &&
    found.ttlSeconds === wanted.ttlSeconds &&
    found.contents.join('\n') === wanted.contents.join('\n')
  );
}
