import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { TenantProcess, TenantRun, TerminalSize } from '#runtime/host/tenant-processes.ts';
import type { UpgradeSocket } from '#runtime/relay/relay.ts';
import { channelProtocol, channels, feed, maxMessageBytes, messageOf, sendOn } from '#runtime/streams/channels.ts';
import { exitStatus } from '#runtime/streams/exit-status.ts';
import { idleGuard } from './idle.ts';
import type { DomainRequest, StreamCall } from './stream-call.ts';
import type { Writer } from './writers.ts';

const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: maxMessageBytes,
  handleProtocols: () => channelProtocol,
});
const maxWords = 1_000;
const startSize: TerminalSize = { columns: 80, rows: 24 };

/** Runs a program as the tenant in its sandbox, joined to a WebSocket as `kubectl exec` speaks it. It ends with the connection, and the connection with it. */
export async function serveExec(call: StreamCall, { request, response, upgrade }: DomainRequest): Promise<void> {
  const command = call.query.getAll('command');
  if (command.length === 0 || command.length > maxWords || command.some((word) => word.includes('\0')))
    throw new ApiError(400, 'BadRequest', 'a command is asked for, word by word');
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  if (upgrade === undefined || !offered.includes(channelProtocol))
    throw new ApiError(400, 'BadRequest', `a shell is asked for by a WebSocket with the protocol ${channelProtocol}`);
  const writer = call.writers.enter(call.seat);
  try {
    const variables = (await call.seat.variables?.()) ?? {};
    response.detachSocket(request.socket);
    await runTold(await webSocketOn(request, upgrade), { ...call, writer, command, variables });
  } finally {
    writer.leave();
  }
}

/** What is wrong with the handshake the client is told already when it rejects. */
async function webSocketOn(request: IncomingMessage, { socket, head }: UpgradeSocket): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.once('close', () => reject(new ApiError(400, 'BadRequest', 'no WebSocket came about')));
  sockets.handleUpgrade(request, socket, head, resolve);
  return await promise;
}

/** One way to run a program, and what may end it. */
interface ExecCall extends StreamCall, Required<Pick<TenantRun, 'variables'>> {
  readonly command: readonly string[];
  readonly writer: Writer;
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
      reason: err instanceof ApiError ? err.reason : 'InternalError',
      message,
    };
    await sendOn(socket, channels.error, Buffer.from(JSON.stringify(status)));
  } finally {
    socket.close(1_000);
  }
}

async function runOn(
  socket: WebSocket,
  { query, processes, seat, idleMs, writer, command, variables }: ExecCall,
): Promise<void> {
  const terminal = query.get('tty') === 'true' ? startSize : undefined;
  writer.signal.throwIfAborted();
  const process = processes.start(seat, command, { terminal, variables });
  const guard = idleGuard(idleMs, () => process.kill());
  writer.signal.addEventListener('abort', () => process.kill());
  // Whoever does not read to the end runs nothing any longer.
  void process.ended.then(writer.leave);
  // Also when the other end hung up without a word.
  socket.on('close', () => process.kill());
  socket.on('error', () => socket.terminate());
  if (query.get('stdin') !== 'true') process.stdin.end();
  socket.on('message', (data) => {
    guard.touch();
    hear(socket, process, data);
  });
  try {
    await Promise.all([
      pump(process.stdout, (bytes) => (guard.touch(), sendOn(socket, channels.stdout, bytes))),
      pump(process.stderr, (bytes) => (guard.touch(), sendOn(socket, channels.stderr, bytes))),
    ]);
    const exitCode = await process.ended;
    writer.signal.throwIfAborted();
    if (guard.isOver()) throw new HostError(`nothing moved for ${idleMs / 60_000} minutes: the program was ended`);
    await sendOn(socket, channels.error, Buffer.from(JSON.stringify(exitStatus(exitCode))));
  } finally {
    guard.end();
    process.kill();
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

function hear(socket: WebSocket, process: TenantProcess, data: unknown): void {
  const message = messageOf(data);
  if (message === undefined) return;
  const { channel, bytes } = message;
  if (channel === channels.stdin && process.stdin.writable) feed(socket, process.stdin, bytes);
  else if (channel === channels.close && bytes[0] === channels.stdin) process.stdin.end();
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
