import type { Clock } from '#runtime/base/clock.ts';
import type { AccountClients } from '#runtime/client/account-clients.ts';
import type { Workspace } from '#runtime/host/workspace.ts';

/** What looking at Sources takes beside the API server. */
export interface SourceTools {
  readonly workspace: Workspace;
  readonly accounts: AccountClients;
  /** Where repositories of tenants may be beside public addresses, such as `10.1.0.0/16`. */
  readonly networks: readonly string[];
  readonly clock: Clock;
}
