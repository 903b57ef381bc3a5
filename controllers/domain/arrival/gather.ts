import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Copy, CopyKey } from '#runtime/drivers/copies/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, isRefused, type Pending } from '#runtime/manager/controller.ts';
import type { HostParts } from '#controllers/parts.ts';
import { gatherDomain, gatherFiles } from '#controllers/domain/host/gather.ts';
import type { DomainHostInputs, FileInputs, Problem } from '#controllers/domain/host/inputs.ts';

/** What a Domain that comes to this host depends on. */
export interface ArrivalInputs {
  readonly files: FileInputs;
  /** What is to be served: only when the last copy is complete. */
  readonly site?: DomainHostInputs;
  /** Why the site could not be served here. */
  readonly obstacle?: Problem;
  readonly copy: Copy;
}

/** Whatever is wrong with a site, its files come along. */
export function gatherArrival(
  hostName: string,
  domain: Domain,
  { cache, copyOf }: { readonly cache: Cache; readonly copyOf: HostParts<never>['copyOf'] },
): ArrivalInputs | Pending {
  const files = gatherFiles(hostName, domain, cache);
  if (isPending(files)) return files;
  const copy = copyOf(keyOf(domain)) ?? { pass: 'None' };
  const site = gatherDomain(hostName, domain, cache);
  if (isPending(site)) return { files, copy, obstacle: site.pending };
  if (isRefused(site)) return { files, copy, obstacle: site.refused };
  return { files, copy, ...(isWhole(domain, copy) ? { site } : {}) };
}

function isWhole({ status }: Domain, { pass, progress }: Copy): boolean {
  return status?.moving === 'LastCopy' && pass === 'Last' && progress?.phase === 'Done';
}

function keyOf({ metadata: { namespace = '', name, uid = '' } }: Domain): CopyKey {
  return { namespace, name, uid };
}
