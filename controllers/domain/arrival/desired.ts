import { sliceOf } from '#schemas/meta/names.ts';
import { domainDirectory, tenantDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Copy } from '#runtime/drivers/copies/model.ts';
import type { ArrivalInputs } from './gather.ts';

/** The copy that is wanted of a Domain's files: taken by the tenant itself, in its own directory. */
export function copyOf({ metadata, status }: Domain, { files }: ArrivalInputs): Copy {
  const { tenant, accountId, frontGid, root } = files;
  return {
    pass: status?.moving === 'LastCopy' ? 'Last' : 'First',
    seat: {
      tenant,
      uid: accountId,
      tree: `${root}/${tenantDirectory(tenant)}`,
      workingDirectory: `${root}/${domainDirectory(tenant, metadata.name)}`,
      slice: sliceOf(accountId),
      frontGid,
    },
  };
}
