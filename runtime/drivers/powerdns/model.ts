import type { RecordChange, RecordSets } from '#schemas/meta/record-set.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { RefusedRecords } from './record.ts';

export { refusedAmong } from './record.ts';

/** Name of a zone, with the dot at its end → what the server has of it. */
export type ZoneTable = ReadonlyMap<string, ZoneState>;

export interface ZoneState {
  /** Absent where they are not finished: a zone that was being made when we died. */
  readonly settings: ZoneSettings | undefined;
  readonly records: RecordSets;
  /** As it is wanted: the serial number that others know, which one that is made anew goes on from. */
  readonly serial?: number;
  /** As it is found: what was wanted and could not be had. */
  readonly refused?: RefusedRecords;
}

/** Everything about a zone but its records: data that survives JSON, since the server keeps it for us as the mark of the zone. */
export interface ZoneSettings {
  /** What it is signed with; none: not signed. */
  readonly keys: readonly ZoneKey[];
  /** Who may fetch the zone, and is told of changes. */
  readonly transfer: ZoneTransfer;
  /** It lists the zones whose `transfer.catalog` it is. */
  readonly isCatalog?: true;
}

/** A key by its public part. The private one is read from the Secret when an action is carried out, and never part of a plan. */
export interface ZoneKey {
  readonly secret: { readonly namespace: string; readonly name: string };
  /** `257 3 13 …` */
  readonly dnskey: string;
}

export interface ZoneTransfer {
  readonly to: readonly string[];
  /** The zone that lists this one; the key for transfers is that one's. */
  readonly catalog?: string;
  /** The Secret with the key that a transfer is signed with; its resourceVersion makes a change visible. */
  readonly tsig?: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
}

interface OfZone {
  readonly zone: string;
  /** `ownerId` of the Zone: the mark by which we know our own. */
  readonly owner: string;
}

interface RecordsOfZone extends OfZone {
  readonly records: readonly RecordChange[];
  /** Others have a copy of the zone, and are told. */
  readonly hasSecondaries: boolean;
}

export type PowerdnsAction =
  /** Makes the zone with all of its records. */
  | Action<
      'powerdns',
      'create-zone',
      OfZone & { readonly settings: ZoneSettings; readonly records: readonly RecordChange[]; readonly serial?: number }
    >
  | Action<'powerdns', 'put-settings', OfZone & { readonly settings: ZoneSettings }>
  /** The same where keys go that the zone is signed with. PostponedError `ParentHasDs` or `DsRemembered` while somebody could not look the zone up afterwards. */
  | Action<'powerdns', 'delete-keys', OfZone & { readonly settings: ZoneSettings }>
  /** Puts record sets, and takes away what stands in their way under the same name. */
  | Action<'powerdns', 'put-records', RecordsOfZone>
  | Action<'powerdns', 'delete-records', RecordsOfZone>
  | Action<'powerdns', 'delete-zone', OfZone>;
