import { pipeline } from 'node:stream/promises';
import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { sqlDumpEndBytes } from '#runtime/base/sql-dumps.ts';
import type { Host } from '#runtime/host/host.ts';
import { dumpIntake, type DumpForm } from './dump-intake.ts';
import type { DatabaseProgram } from './programs.ts';

/** Whose rights are nobody's: a program that reads what a tenant wrote is not root's. */
const nobody = { uid: 65_534, gid: 65_534 } as const;

/** What a program of the administrator's writes of a database. Rejects with HostError, after what came, when that is not the whole. */
export async function* readDump(
  { command, variables }: DatabaseProgram,
  { end }: Pick<DumpForm, 'end'>,
  host: Pick<Host, 'startProgram'>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const over = new AbortController();
  const program = host.startProgram(command, { environment: variables }, AbortSignal.any([signal, over.signal]));
  program.stdin.end();
  let tail = Buffer.alloc(0);
  try {
    for await (const chunk of program.stdout as AsyncIterable<Buffer>) {
      tail = Buffer.concat([tail, chunk.subarray(-sqlDumpEndBytes)]).subarray(-sqlDumpEndBytes);
      yield chunk;
    }
    await program.ended;
    signal.throwIfAborted();
    if (!end.test(tail.toString('latin1'))) throw new HostError('the dump does not end as a whole one does');
  } finally {
    over.abort();
  }
}

/** Has a program take a dump in. RefusedError `DumpCut` for one that is not whole; HostError with the program's words otherwise. */
export async function takeDump(
  dump: AsyncIterable<Buffer>,
  { program: { command, variables }, form }: { readonly program: DatabaseProgram; readonly form: DumpForm },
  host: Pick<Host, 'startProgram'>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const options = { ...nobody, environment: variables };
  const program = host.startProgram(command, options, AbortSignal.any([signal, over.signal]));
  program.stdout.resume();
  const passed = pipeline(dump, dumpIntake(form), program.stdin).catch((err: unknown) => {
    // Whatever else it is, the program tells it better.
    if (err instanceof Wcp360Error) over.abort();
    throw err;
  });
  const [passing, ending] = await Promise.allSettled([passed, program.ended]);
  signal.throwIfAborted();
  if (passing.status === 'rejected' && passing.reason instanceof Wcp360Error) throw passing.reason;
  if (ending.status === 'rejected') throw ending.reason;
  if (passing.status === 'rejected')
    throw new HostError('a dump could not be read to its end', {}, { cause: passing.reason });
}
