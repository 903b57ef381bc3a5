import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Readable, Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { HostError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { statusError } from '#runtime/client/status-error.ts';
import { streamPath, type StreamTarget } from '#schemas/meta/streams.ts';
import { channelProtocol, channels, feed, maxMessageBytes, messageOf, sendOn } from './channels.ts';
import { exitCodeOf } from './exit-status.ts';

/** A program to be run in a tenant's sandbox, and what it is joined to. */
export interface RemoteRun {
  readonly target: StreamTarget;
  /** What is asked for there, such as the words of a command. */
  readonly query?: readonly (readonly [string, string])[];
  /** Nothing is read when absent. */
  readonly stdin?: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly terminal?: RemoteTerminal | undefined;
  readonly signal: AbortSignal;
}

/** A terminal of this side, whose size the other one is to have. */
export interface RemoteTerminal {
  size(): { readonly columns: number; readonly rows: number };
  onResize(changed: () => void): () => void;
}

const handshakeTimeoutMs = 60_000;

/** Runs it and resolves with its exit code. ApiError when it may not be run, HostError when the connection breaks, the signal's reason when aborted. */
export async function runRemote(client: Client, run: RemoteRun): Promise<number> {
  const socket = await connect(client, run);
  const stop = (): void => socket.terminate();
  run.signal.addEventListener('abort', stop, { once: true });
  const unwatch = run.terminal === undefined ? undefined : followSize(socket, run.terminal);
  const input = run.stdin === undefined ? undefined : sendInput(socket, run.stdin);
  try {
    return await untilEnded(socket, run);
  } finally {
    unwatch?.();
    input?.end();
    run.signal.removeEventListener('abort', stop);
    socket.terminate();
  }
}

/** What `exec` of a Domain asks for. */
export function commandIn(
  domain: { readonly namespace: string; readonly name: string },
  command: readonly string[],
): Required<Pick<RemoteRun, 'target' | 'query'>> {
  return {
    target: { resource: 'domains', subresource: 'exec', ...domain },
    query: command.map((word) => ['command', word] as const),
  };
}

async function connect(client: Client, { target, query: asked = [], ...run }: RemoteRun): Promise<WebSocket> {
  const path = streamPath(target);
  const query = new URLSearchParams(asked.map(([name, value]): [string, string] => [name, value]));
  for (const [name, isWanted] of [
    ['stdin', run.stdin],
    ['stdout', true],
    ['stderr', true],
    ['tty', run.terminal],
  ] as const)
    if (isWanted !== undefined) query.set(name, 'true');
  const wire = await client.requestOptions(`${path}?${query.toString()}`);
  run.signal.throwIfAborted();
  const host = wire.host?.includes(':') === true ? `[${wire.host}]` : wire.host;
  const socket = new WebSocket(`wss://${host ?? ''}:${wire.port ?? ''}${wire.path ?? ''}`, [channelProtocol], {
    ...wire,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handshakeTimeout: handshakeTimeoutMs,
  });
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.on('open', () => resolve(socket));
  socket.on('error', (err) => reject(new HostError(`the stream broke: ${err.message}`, {}, { cause: err })));
  socket.on('unexpected-response', (_request: unknown, message: IncomingMessage) => {
    text(message).then((body) => reject(statusError(message.statusCode ?? 0, body)), reject);
  });
  return await promise;
}

async function untilEnded(socket: WebSocket, { stdout, stderr, signal }: RemoteRun): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  socket.on('message', (data) => {
    const message = messageOf(data);
    if (message === undefined) return;
    if (message.channel === channels.stdout) feed(socket, stdout, message.bytes);
    else if (message.channel === channels.stderr) feed(socket, stderr, message.bytes);
    else if (message.channel === channels.error) settle(() => resolve(exitCodeOf(message.bytes.toString())));
  });
  const settle = (done: () => void): void => {
    try {
      done();
    } catch (err) {
      reject(err as Error);
    }
  };
  socket.on('close', () => {
    reject(signal.aborted ? (signal.reason as Error) : new HostError('the stream broke before the program had ended'));
  });
  return await promise;
}

/** Sends what is read, no faster than it is taken; the result ends that. */
function sendInput(socket: WebSocket, stdin: Readable): { end(): void } {
  const pump = async (): Promise<void> => {
    for await (const bytes of stdin) await sendOn(socket, channels.stdin, bytes as Buffer);
    await sendOn(socket, channels.close, Buffer.of(channels.stdin));
  };
  pump().catch(() => undefined);
  return { end: () => void stdin.destroy() };
}

function followSize(socket: WebSocket, terminal: RemoteTerminal): () => void {
  const tell = (): void => {
    const { columns, rows } = terminal.size();
    void sendOn(socket, channels.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
  };
  tell();
  return terminal.onResize(tell);
}
