import type { RecordSets } from '#schemas/meta/record-set.ts';
import type { ProviderAccess } from '#runtime/drivers/dns-providers/model.ts';

/** Everything about the world that a Zone at a provider depends on; plain data, so that a golden case can state it. */
export interface ZoneProviderInputs {
  /** The name, with the dot at its end. */
  readonly zone: string;
  /** `resourceVersion` is empty while the Secret is not there. */
  readonly access: ProviderAccess;
  /** The last request to look anew. */
  readonly request?: string;
  /** What is declared, and can be answered. */
  readonly records: RecordSets;
  /** Names of DNSRecords that cannot, which say why. */
  readonly unanswered: readonly string[];
}
