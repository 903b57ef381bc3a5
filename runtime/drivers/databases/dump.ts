import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { sqlDumpEndBytes } from '#runtime/base/sql-dumps.ts';
import type { Host } from '#runtime/host/host.ts';
import type { SandboxSeat, TenantProcesses } from '#runtime/host/tenant-processes.ts';
import { dumpIntake, type DumpForm } from './dump-intake.ts';
import type { DatabaseProgram, ServerWay } from './programs.ts';

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

/** As whom what takes a dump in runs. */
export type IntakeSeat = Pick<SandboxSeat, 'tenant' | 'uid' | 'slice'>;

/** Where programs take in what tenants wrote: nobody has looked at it, and engines have clients that do as they are told. */
export interface Intake {
  /** The tenant whose data it is, by the `ownerId` of whoever has it. */
  readonly seatOf: (owner: string) => IntakeSeat;
  readonly processes: TenantProcesses;
  /** What a dump may take to be taken in, in ms: what tenants wrote may never end. */
  readonly longestMs: number;
}

interface Taking {
  readonly program: DatabaseProgram;
  readonly form: DumpForm;
  readonly seat: IntakeSeat;
  readonly way: ServerWay;
  readonly processes: TenantProcesses;
}

/**
 * Has a program take a dump in, in a sandbox of the tenant without its files and without network: the server's socket is all that it can reach. RefusedError
 * `DumpCut` for one that is not whole; HostError with the program's words otherwise.
 */
export async function takeDump(dump: AsyncIterable<Buffer>, taking: Taking, signal: AbortSignal): Promise<void> {
  const { program, form, way, processes } = taking;
  const seat = { ...taking.seat, isOffline: true, isReadOnly: true, sockets: [way.socketDirectory] };
  signal.throwIfAborted();
  const running = processes.start({ ...seat, workingDirectory: '/' }, program.command, program);
  const kill = (): void => running.kill();
  signal.addEventListener('abort', kill, { once: true });
  running.stdout.resume();
  const words = lastWordsOf(running.stderr);
  const passed = pipeline(dump, dumpIntake(form), running.stdin).catch((err: unknown) => {
    // Whatever else it is, the program tells it better.
    if (err instanceof Wcp360Error) kill();
    return err;
  });
  const [failure, exitCode] = await Promise.all([passed, running.ended]);
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  if (failure instanceof Wcp360Error) throw failure;
  const name = program.command[0] ?? '';
  if (exitCode !== 0) throw new HostError(`${name} ended with ${exitCode}: ${words()}`, { program: name, exitCode });
  if (failure !== undefined) throw new HostError('a dump could not be read to its end', {}, { cause: failure });
}

const wordsBytes = 2_048;

/** The last lines of what a program says of itself. */
function lastWordsOf(stream: Readable): () => string {
  let bytes = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]).subarray(-wordsBytes);
  });
  return () => bytes.toString('utf8').trim().split('\n').slice(-3).join(' · ');
}
