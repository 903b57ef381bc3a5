import type { WebSocket } from 'ws';

/** The subprotocol of `kubectl exec` (KEP-4006): the first byte of a message says what the rest is of. */
export const channelProtocol = 'v5.channel.k8s.io';

export const channels = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** A Status: how it ended. */
  error: 3,
  /** `{"Width":80,"Height":24}` */
  resize: 4,
  /** No more comes on the channel whose number follows. */
  close: 255,
} as const;

/** Longest message. What is larger is sent in several. */
export const maxMessageBytes = 1024 * 1024;

/** Resolves when the connection has taken it, so that whoever waits sends no faster than the other end reads; at once when it is gone. */
export async function sendOn(socket: WebSocket, channel: number, bytes: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.send(Buffer.concat([Buffer.of(channel), bytes]), { binary: true }, () => resolve());
  await promise;
}

/** A message taken apart; undefined for what is none. */
export function messageOf(data: unknown): { readonly channel: number; readonly bytes: Buffer } | undefined {
  if (!Buffer.isBuffer(data) || data.length === 0) return undefined;
  return { channel: data.readUInt8(0), bytes: data.subarray(1) };
}

/** Hands bytes on; while the taker is full, nothing more is read from the connection. */
export function feed(socket: WebSocket, taker: NodeJS.WritableStream, bytes: Buffer): void {
  if (taker.write(bytes)) return;
  socket.pause();
  taker.once('drain', () => socket.resume());
}
