import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import type { TenantProcess } from '#runtime/host/tenant-processes.ts';
import { listCommand, packCommand, packsZeros } from '#runtime/mirror/programs.ts';
import { idleGuard, noting } from './idle.ts';
import type { StreamCall, StreamRequest, StreamSeat } from './stream-call.ts';

/** What the API server and the gateway let through before the answer begins. */
const maxNamesBytes = 1024 * 1024;
/** Of a program's complaints, as much as is looked at. */
const maxWordsCharacters = 8_192;

/** Answers with a list of what there is in a Domain’s directory. One that is not complete is broken off. */
export async function serveFiles(call: StreamCall<StreamSeat>, { request, response }: StreamRequest): Promise<void> {
  requireMethod(request, 'GET');
  const process = startCopy(call, listCommand(call.seat.uid, call.frontGid));
  process.stdin.end();
  process.stderr.resume();
  await answerWith(call, { response, process, type: 'application/octet-stream' }, (exitCode) => exitCode === 0);
}

/** Answers with an archive of the entries that the body names, each followed by NUL. One that is not to be trusted is broken off, though perhaps after its last byte. */
export async function serveArchive(call: StreamCall<StreamSeat>, { request, response }: StreamRequest): Promise<void> {
  requireMethod(request, 'POST');
  // Read first: a kube-apiserver does not pass on an answer before it has read the whole request.
  const names = await readNames(request);
  const process = startCopy(call, packCommand);
  process.stdin.end(names);
  let words = '';
  let isWhole = true;
  process.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('latin1')).slice(-maxWordsCharacters);
    isWhole &&= !packsZeros.test(words);
  });
  // 1: some files have changed while they were read.
  await answerWith(call, { response, process, type: 'application/x-tar' }, (exitCode) => exitCode <= 1 && isWhole);
}

/** ApiError 405 for another one. */
export function requireMethod({ method = '' }: IncomingMessage, wanted: string): void {
  if (method !== wanted) throw new ApiError(405, 'MethodNotAllowed', `this stream is asked for by ${wanted}`);
}

/** ApiError 400 for what is no path below the directory, 413 for too many. */
async function readNames(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxNamesBytes)
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxNamesBytes}`);
    chunks.push(chunk);
  }
  const names = Buffer.concat(chunks);
  const isBelow = (name: string): boolean => name.split('/').every((part) => part !== '' && part !== '..');
  const words = names.toString('latin1').split('\0');
  if (words.pop() !== '' || !words.every(isBelow))
    throw new ApiError(
      400,
      'BadRequest',
      'the body is made of paths below the Domain’s directory, each followed by NUL',
    );
  return names;
}

/** Nothing that is run here is the tenant's: it may be suspended. */
function startCopy({ processes, seat, frontGid }: StreamCall<StreamSeat>, command: readonly string[]): TenantProcess {
  return processes.start({ ...seat, isReadOnly: true, copyingGid: frontGid }, command);
}

interface CopyAnswer {
  readonly response: ServerResponse;
  readonly process: TenantProcess;
  readonly type: string;
}

/** Ends the answer as it should only if the program did well. */
async function answerWith(
  { idleMs, seat, log }: StreamCall<StreamSeat>,
  { response, process, type }: CopyAnswer,
  isWell: (exitCode: number) => boolean,
): Promise<void> {
  const guard = idleGuard(idleMs, () => response.destroy());
  response.on('close', () => process.kill());
  response.writeHead(200, { 'content-type': type });
  response.flushHeaders();
  try {
    await pipeline(process.stdout, noting(guard), response, { end: false });
    const exitCode = await process.ended;
    if (!isWell(exitCode)) throw new HostError('a copy is not whole', { exitCode });
    response.end();
  } catch (err) {
    if (guard.isOver() || !response.closed) log.warn({ err, tenant: seat.tenant }, 'copying failed');
    response.destroy();
  } finally {
    guard.end();
    process.kill();
    await process.ended;
  }
}
