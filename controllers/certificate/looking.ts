import type { Clock } from '#runtime/base/clock.ts';
import type { NameResolver } from '#runtime/dns/name-resolver.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { AcmeAccounts } from '#controllers/acme-accounts.ts';
import type { CertificateOrder, CertificateWork } from './model.ts';
import type { OrderPace } from './pace.ts';
import type { OrderRefusals } from './refusals.ts';

/** One look at a Certificate. */
export interface Look {
  readonly owner: Owner;
  readonly order: CertificateOrder;
  /** What came of the look before, if this process had one: the status may not tell of it yet. */
  readonly last: CertificateWork | undefined;
  readonly accounts: AcmeAccounts;
  readonly resolver: NameResolver;
  readonly pace: OrderPace;
  readonly refusals: OrderRefusals;
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}
