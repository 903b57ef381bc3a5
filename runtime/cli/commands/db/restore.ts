import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { sqlDumpEndBytes, sqlDumpEnds } from '#runtime/base/sql-dumps.ts';
import type { Session } from '#runtime/cli/session.ts';
import { databaseTarget, runWell, type DatabaseOptions } from './database-run.ts';
import { progressOn } from './progress.ts';

/** `wcpctl db restore DATABASE FILE`: what a dump holds. A file that is not whole is sent nowhere. */
export async function restoreDatabase(
  session: Session,
  name: string,
  options: DatabaseOptions & { readonly file: string },
): Promise<void> {
  const { io } = session;
  const { file } = options;
  const place = await databaseTarget(session, name, { ...options, subresource: 'restore' });
  const run = { ...place, stdout: io.stdio.stdout, signal: io.signal };
  if (file === '-') return await runWell(session, { ...run, stdin: io.stdio.stdin });
  const path = resolve(io.workingDirectory, file);
  const { size } = await stat(path).catch((err: unknown) => {
    throw new HostError(`${file} cannot be read`, {}, { cause: err });
  });
  await requireWhole(path, file);
  const progress = progressOn(io, file, size);
  try {
    const stdin = Readable.from(unpacked(path, progress.counting(createReadStream(path) as AsyncIterable<Buffer>)));
    await runWell(session, { ...run, stdin });
    io.out(`${name}: restored ${file}, ${progress.end()}\n`);
  } finally {
    progress.end();
  }
}

/** Before anything is changed: not every engine takes back what it has begun. */
async function requireWhole(path: string, file: string): Promise<void> {
  let tail = Buffer.alloc(0);
  try {
    for await (const chunk of unpacked(path, createReadStream(path) as AsyncIterable<Buffer>))
      tail = Buffer.concat([tail, chunk.subarray(-sqlDumpEndBytes)]).subarray(-sqlDumpEndBytes);
  } catch (err) {
    throw new HostError(`${file} is not whole, or cannot be read`, {}, { cause: err });
  }
  const end = tail.toString('latin1');
  if (Object.values(sqlDumpEnds).some((each) => each.test(end))) return;
  throw new RefusedError(
    'DumpCut',
    `${file} does not end as a dump does: it was cut, or is none. Nothing was sent; statements of your own are for: wcpctl db shell`,
  );
}

async function* unpacked(path: string, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (!path.endsWith('.gz')) {
    yield* source;
    return;
  }
  const text = new PassThrough();
  const unpacking = pipeline(source, createGunzip(), text);
  unpacking.catch(() => undefined);
  for await (const chunk of text) yield chunk as Buffer;
  await unpacking;
}
