import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { writeBeside } from '#runtime/cli/output/write-beside.ts';
import type { Session } from '#runtime/cli/session.ts';
import { databaseTarget, runWell, type DatabaseOptions } from './database-run.ts';
import { progressOn } from './progress.ts';

/** `wcpctl db dump DATABASE [FILE]`: all that it holds, as SQL; packed where the name ends in `.gz`. A file is there when it is whole, and not before. */
export async function dumpDatabase(
  session: Session,
  name: string,
  options: DatabaseOptions & { readonly file: string | undefined },
): Promise<void> {
  const { io } = session;
  const place = await databaseTarget(session, name, { ...options, subresource: 'dump' });
  if (options.file === undefined || options.file === '-')
    return await runWell(session, { ...place, stdout: io.stdio.stdout, signal: io.signal });
  const path = resolve(io.workingDirectory, options.file);
  const beside = await writeBeside(path);
  const progress = progressOn(io, options.file);
  try {
    const stdout = new PassThrough();
    const packing = path.endsWith('.gz') ? createGzip() : new PassThrough();
    const written = pipeline(stdout, progress.counting, packing, async (source) => {
      for await (const _ of beside.written(source as AsyncIterable<Buffer>));
    });
    const dumped = runWell(session, { ...place, stdout, signal: io.signal }).then(
      () => void stdout.end(),
      (err: unknown) => {
        stdout.destroy(err as Error);
        throw err;
      },
    );
    await both(dumped, written);
    await beside.place();
    io.out(`${options.file}: ${progress.end()}\n`);
  } finally {
    progress.end();
    await beside.remove();
  }
}

/** Rejects as the first one does, when both are over. */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  const ends = await Promise.allSettled([first, second]);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
