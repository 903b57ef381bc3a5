import type { ProviderId } from '#runtime/drivers/dns-providers/model.ts';
import type { NameState } from '#controllers/claimed-name.ts';
import type { Placing } from '#controllers/place.ts';
import type { Whereabouts } from '#controllers/whereabouts.ts';
import type { PackageRecord } from '#controllers/package-records.ts';

/** What the leader knows about a Zone; plain data, so that a golden case can state it. */
export interface ZoneClusterInputs {
  readonly tenant: string;
  readonly name: NameState;
  /** Another Zone of the tenant that has the name, and is older. */
  readonly twin?: string;
  /** Where the tenant is: a zone is made there from what is declared, so that nothing has to be copied when the tenant moves. */
  readonly place: Whereabouts;
  /** Who answers in place of a host. */
  readonly provider?: ProviderId;
  /** Hosts of the Zone that were declared lost: nobody waits for them. */
  readonly lostHosts: readonly string[];
  /** Numbers of the keys that the zone is to be signed with, oldest first. */
  readonly wantedKeys: readonly number[];
  /** Those that are there. */
  readonly keys: readonly FoundKey[];
  /** What the tenant's package gives it. */
  readonly packageRecords: readonly PackageRecord[];
  /** The resourceVersion of the Secret for transfers; empty while it is not there. */
  readonly tsigSecretVersion?: string;
}

export interface FoundKey {
  readonly number: number;
  readonly secretName: string;
  /** `257 3 13 …` */
  readonly dnskey: string;
}

/** What the Zone's place follows from. */
export function placingOf({ place, name, twin, lostHosts }: ZoneClusterInputs): Placing {
  return { place, isBound: name.state === 'Bound' && twin === undefined, lostHosts };
}
