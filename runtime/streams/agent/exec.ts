import type { IncomingMessage } from 'node:http';
import type { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { ApiError, HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { TenantProcess, TenantRun, TerminalSize } from '#runtime/host/tenant-processes.ts';
import type { UpgradeSocket } from '#runtime/relay/relay.ts';
import { channelProtocol, channels, feed, maxMessageBytes, messageOf, sendOn } from '#runtime/streams/channels.ts';
import { exitStatus } from '#runtime/streams/exit-status.ts';
import { asApiError } from '#runtime/streams/answers.ts';
import { idleGuard } from './idle.ts';
import type { StreamCall, StreamRequest, StreamSeat } from './stream-call.ts';
import type { Writer } from './writers.ts';

const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: maxMessageBytes,
  handleProtocols: () => channelProtocol,
});
const maxWords = 1_000;
const startSize: TerminalSize = { columns: 80, rows: 24 };

/** Runs a program as the tenant in its sandbox. */
export async function serveExec(call: StreamCall<StreamSeat>, passage: StreamRequest): Promise<void> {
  const command = call.query.getAll('command');
  if (command.length === 0 || command.length > maxWords || command.some((word) => word.includes('\0')))
    throw new ApiError(400, 'BadRequest', 'a command is asked for, word by word');
  await serveProgram(call, passage, {
    program: async () => ({ command, variables: (await call.seat.variables?.()) ?? {} }),
  });
}

/** What is joined to whoever asks. */
export interface Joined {
  /** Found once there is a seat for it. */
  readonly program: () => Promise<{
    readonly command: readonly string[];
    readonly variables: Readonly<Record<string, string>>;
  }>;
  /** What is sent goes through this on its way in. One that fails ends the program, before it can see an end. */
  readonly intake?: () => Transform;
}

/** Joins a program to a WebSocket as `kubectl exec` speaks it. It ends with the connection, and the connection with it. */
export async function serveProgram(
  call: StreamCall,
  { request, response, upgrade }: StreamRequest,
  { program, intake }: Joined,
): Promise<void> {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  if (upgrade === undefined || !offered.includes(channelProtocol))
    throw new ApiError(400, 'BadRequest', `a shell is asked for by a WebSocket with the protocol ${channelProtocol}`);
  const writer = call.writers.enter(call.seat);
  try {
    const found = await program();
    response.detachSocket(request.socket);
    await runTold(await webSocketOn(request, upgrade), { ...call, ...found, writer, intake: intake?.() });
  } finally {
    writer.leave();
  }
}

/** What is wrong with the handshake the client is told already when it rejects. */
async function webSocketOn(request: IncomingMessage, { socket, head }: UpgradeSocket): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  const none = new ApiError(400, 'BadRequest', 'no WebSocket came about');
  // Of a connection that ended while the program was being found nothing is heard any more.
  if (socket.destroyed) throw none;
  socket.once('close', () => reject(none));
  sockets.handleUpgrade(request, socket, head, (opened) => {
    opened.on('error', () => opened.terminate());
    resolve(opened);
  });
  return await promise;
}

/** One way to run a program, and what may end it. */
interface ExecCall extends StreamCall, Required<Pick<TenantRun, 'variables'>> {
  readonly command: readonly string[];
  readonly writer: Writer;
  readonly intake: Transform | undefined;
}

/** Runs it and says how it ended. */
async function runTold(socket: WebSocket, call: ExecCall): Promise<void> {
  try {
    await runOn(socket, call);
  } catch (err) {
    const message = err instanceof Error ? err.message : String(err);
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: asApiError(err).reason,
      message,
    };
    // Not waited for: whoever does not read would never take it, and closing gives them half a minute.
    void sendOn(socket, channels.error, Buffer.from(JSON.stringify(status)));
  } finally {
    socket.close(1_000);
  }
}

async function runOn(socket: WebSocket, call: ExecCall): Promise<void> {
  const { query, processes, seat, idleMs, writer, command, variables, intake } = call;
  const terminal = query.get('tty') === 'true' ? startSize : undefined;
  writer.signal.throwIfAborted();
  const process = processes.start(seat, command, { terminal, variables });
  const cut = Promise.withResolvers<never>();
  const guard = idleGuard(idleMs, () =>
    cut.reject(new HostError(`nothing moved for ${idleMs / 60_000} minutes: the program was ended`)),
  );
  writer.signal.addEventListener('abort', () => cut.reject(writer.signal.reason));
  // Whoever does not read to the end runs nothing any longer.
  void process.ended.then(writer.leave);
  // Also when the other end hung up without a word.
  socket.on('close', () => process.kill());
  const passing = intake === undefined ? undefined : passInto(process, intake);
  const taker = intake ?? process.stdin;
  if (query.get('stdin') !== 'true') taker.end();
  socket.on('message', (data) => {
    guard.touch();
    hear(socket, { process, taker }, data);
  });
  const toItsEnd = async (): Promise<number> => {
    await Promise.all([
      pump(process.stdout, (bytes) => (guard.touch(), sendOn(socket, channels.stdout, bytes))),
      pump(process.stderr, (bytes) => (guard.touch(), sendOn(socket, channels.stderr, bytes))),
    ]);
    const exitCode = await process.ended;
    intake?.destroy();
    const failure = await passing;
    if (failure !== undefined) throw failure;
    return exitCode;
  };
  try {
    const exitCode = await Promise.race([toItsEnd(), cut.promise]);
    const status = Buffer.from(JSON.stringify(exitStatus(exitCode)));
    await Promise.race([sendOn(socket, channels.error, status), cut.promise]);
  } finally {
    guard.end();
    process.kill();
    intake?.destroy();
    await process.ended;
  }
}

/** Why what was sent does not go in, which ends the program; `undefined` when all of it did, or the program would not take it. */
async function passInto(process: TenantProcess, intake: Transform): Promise<Wcp360Error | undefined> {
  try {
    await pipeline(intake, process.stdin);
    return undefined;
  } catch (err) {
    process.kill();
    return err instanceof Wcp360Error ? err : undefined;
  }
}

/** What a program writes, piece by piece; nothing more is read while one is on its way. */
async function pump(output: Readable, send: (bytes: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const bytes of output) await send(bytes as Buffer);
  } catch (err) {
    // Destroyed because the other end is gone.
    if (!output.destroyed) throw err;
  }
}

function hear(
  socket: WebSocket,
  { process, taker }: { readonly process: TenantProcess; readonly taker: Writable },
  data: unknown,
): void {
  const message = messageOf(data);
  if (message === undefined) return;
  const { channel, bytes } = message;
  if (channel === channels.stdin && taker.writable) feed(socket, taker, bytes);
  else if (channel === channels.close && bytes[0] === channels.stdin) taker.end();
  else if (channel === channels.resize) {
    const size = sizeOf(bytes.toString());
    if (size !== undefined) process.resize(size);
  }
}

function sizeOf(text: string): TerminalSize | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const [columns, rows] = [Number(value['Width']), Number(value['Height'])];
    const isSize = [columns, rows].every((each) => Number.isInteger(each) && each > 0 && each < 10_000);
    return isSize ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}
