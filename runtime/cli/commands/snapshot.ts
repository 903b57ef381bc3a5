import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { ApiError, RefusedError } from '#runtime/base/errors.ts';
import type { Io } from '#runtime/cli/io.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import { writeBeside } from '#runtime/cli/output/write-beside.ts';
import type { Session } from '#runtime/cli/session.ts';
import type { SnapshotSummary } from '#runtime/snapshot/format.ts';
import { readSnapshot } from '#runtime/snapshot/read.ts';

/** `wcpctl snapshot save FILE`: everything that the server stores, in one file. It is there when it is whole, and not before. */
export async function saveSnapshot(session: Session, file: string): Promise<void> {
  const { io } = session;
  const path = pathOf(io, file);
  const client = await session.client();
  const beside = await writeBeside(path);
  try {
    const summary = await readSnapshot(beside.written(client.stream('/snapshot', { signal: io.signal })));
    await beside.place();
    io.out(`${file}: ${summaryLine(summary)}\n`);
    io.out(`${keysSentence(summary)}\n`);
  } catch (err) {
    throw isUnserved(err) ? elsewhere() : err;
  } finally {
    await beside.remove();
  }
}

/** `wcpctl snapshot status FILE`: whether it is whole and undamaged, and what is in it. */
export async function snapshotStatus(io: Io, file: string): Promise<void> {
  const summary = await readSnapshot(createReadStream(pathOf(io, file))).catch((err: unknown) => {
    throw named(file, err);
  });
  const facts = [
    ['Taken', summary.takenAt],
    ['Revision', String(summary.revision)],
    ['Size', `${summary.bytes} bytes`],
    ['Checksum', `sha256 ${summary.sha256}, ok`],
    ['Encryption keys', summary.encryptionKeys.join(', ') || 'none'],
    ['Objects', String(summary.objects)],
  ];
  const kinds = Object.entries(summary.kinds).map(([kind, count]) => [resourceOf(kind), String(count)]);
  io.out(formatColumns(facts));
  io.out(`\n${formatColumns([['RESOURCE', 'OBJECTS'], ...kinds])}`);
}

/** `wcpctl snapshot restore FILE`: puts a snapshot into an empty store, before a server is started on it. */
export async function restoreSnapshot(io: Io, file: string, options: { readonly config?: string }): Promise<void> {
  const config = options.config === undefined ? undefined : resolve(io.workingDirectory, options.config);
  const summary = await io.restore({ snapshot: pathOf(io, file), config }).catch((err: unknown) => {
    throw named(file, err);
  });
  io.out(`${file}: restored ${summaryLine(summary)}\n`);
  io.out('The store is whole. Start the servers; their clients list everything anew.\n');
}

function pathOf(io: Io, file: string): string {
  if (file === '') throw new UsageError('say which file');
  return resolve(io.workingDirectory, file);
}

/** `hosting.wcp360.io/domains` as people name it. */
function resourceOf(kind: string): string {
  const [group = '', resource = ''] = kind.split('/');
  return group === 'core' ? resource : `${resource}.${group}`;
}

function summaryLine({ objects, takenAt, revision }: SnapshotSummary): string {
  return `${objects} objects of revision ${revision}, taken ${takenAt}`;
}

function keysSentence({ encryptionKeys }: SnapshotSummary): string {
  return encryptionKeys.length === 0
    ? 'No value in it is encrypted: whoever reads the file reads the Secrets.'
    : `To restore it, the server's key file must hold: ${encryptionKeys.join(', ')}. Keep that file, too, elsewhere.`;
}

function named(file: string, err: unknown): unknown {
  return err instanceof RefusedError ? new RefusedError(err.reason, `${file}: ${err.message}`, { cause: err }) : err;
}

function isUnserved(err: unknown): boolean {
  return err instanceof ApiError && err.status === 404;
}

function elsewhere(): RefusedError {
  return new RefusedError(
    'NoSnapshots',
    'this server gives no snapshots: it is another Kubernetes, whose etcd is backed up by who runs that cluster (etcdctl snapshot save, Velero)',
  );
}
