import type { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import { join, secured, take, wordsFor, type Relay } from '#runtime/drivers/databases/relay.ts';

/** Int32 8, Int32 80877103: a wish for TLS. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const longestMessage = 65_536;

/** A way to PostgreSQL over TLS for programs that come by a socket. */
export const relayPostgresql: Relay = async ({ client, reach, signal, name }) => {
  try {
    const { stream, tls } = await reach(signal);
    client.once('close', () => stream.destroy());
    stream.write(sslRequest);
    if ((await take(stream, 1, signal)).toString() !== 'S') throw new HostError('it does not speak TLS');
    const server = await secured(stream, tls, signal);
    server.write(await takeSized(client, Buffer.alloc(0), signal));
    await beginLogin(client, server, signal);
    await join(client, server);
  } catch (err) {
    client.end(refusal(wordsFor({ name }, err)));
  }
};

const [authentication, error] = ['R'.charCodeAt(0), 'E'.charCodeAt(0)];
/** AuthenticationSASL */
const saslRequest = 10;

/**
 * Passes on what the server says up to where it says who has to prove what, without the offer to bind a password to TLS: the library of a program that speaks
 * without TLS takes that for the work of somebody in between, as it is.
 */
async function beginLogin(client: Duplex, server: Duplex, signal: AbortSignal): Promise<void> {
  for (;;) {
    const message = await takeSized(server, await take(server, 1, signal), signal);
    client.write(isSaslRequest(message) ? unbound(message) : message);
    if (message[0] === authentication || message[0] === error) return;
  }
}

/** A message after its type, if it has one. */
async function takeSized(stream: Duplex, type: Buffer, signal: AbortSignal): Promise<Buffer> {
  const size = await take(stream, 4, signal);
  const bytes = size.readInt32BE() - 4;
  if (bytes < 4 || bytes > longestMessage) throw new HostError('it does not speak the protocol of PostgreSQL');
  return Buffer.concat([type, size, await take(stream, bytes, signal)]);
}

function isSaslRequest(message: Buffer): boolean {
  return message[0] === authentication && message.readInt32BE(5) === saslRequest;
}

function unbound(message: Buffer): Buffer {
  const mechanisms = message.toString('latin1', 9).split('\0');
  const rest = Buffer.from(mechanisms.filter((name) => !name.endsWith('-PLUS')).join('\0'), 'latin1');
  const head = Buffer.from(message.subarray(0, 9));
  head.writeInt32BE(head.length - 1 + rest.length, 1);
  return Buffer.concat([head, rest]);
}

/** ErrorResponse: connection failure. */
function refusal(words: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C08006', `M${words}`, ''].map((field) => `${field}\0`).join('');
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + Buffer.byteLength(fields), 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}
