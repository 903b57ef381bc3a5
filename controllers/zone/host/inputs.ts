import type { RecordSets } from '#schemas/meta/record-set.ts';
import type { ZoneSettings } from '#runtime/drivers/powerdns/index.ts';

/** Everything about the world that a Zone on this host depends on; plain data, so that a golden case can state it. */
export interface ZoneHostInputs {
  /** The name, with the dot at its end. */
  readonly zone: string;
  readonly nameservers: readonly string[];
  readonly settings: ZoneSettings;
  /** What is answered. */
  readonly records: RecordSets;
  /** Names of DNSRecords that are not, which say why. */
  readonly unanswered: readonly string[];
}
