import type { Client } from '#runtime/client/client.ts';
import type { TakeCopy } from '#runtime/drivers/copies/index.ts';
import type { TenantProcesses } from '#runtime/host/tenant-processes.ts';
import { mirror, type MirrorProgress } from '#runtime/mirror/mirror.ts';

/** Copies of Domains' files, asked for from the host that they are on. */
export function copyTaker({
  client,
  processes,
}: {
  readonly client: Client;
  readonly processes: TenantProcesses;
}): TakeCopy {
  return async ({ namespace, name, pass, seat: { frontGid, ...seat } }, tell, signal) => {
    tell('The files are compared.');
    await mirror({
      client,
      processes,
      seat: { ...seat, isReadOnly: false },
      frontGid,
      namespace,
      domain: name,
      isLast: pass === 'Last',
      onProgress: (progress) => tell(sentenceOf(progress)),
      signal,
    });
  };
}

function sentenceOf({ files, filesInAll, bytes, bytesInAll }: MirrorProgress): string {
  return `${files} of ${filesInAll} files are copied (${mebibytes(bytes)} of ${mebibytes(bytesInAll)} MiB).`;
}

function mebibytes(bytes: number): string {
  return String(Math.ceil(bytes / 1_048_576));
}
