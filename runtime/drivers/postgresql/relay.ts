import type { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import { lead, secured, take, wordsFor, type Reached, type Relay } from '#runtime/drivers/databases/relay.ts';

/** Int32 8, Int32 80877103: a wish for TLS. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const longestMessage = 65_536;

/** A way to PostgreSQL over TLS for programs that come by a socket. */
export const relayPostgresql: Relay = async (relaying) => {
  const { client, signal } = relaying;
  try {
    await lead(relaying, async (reached) => {
      const server = await securely(reached, signal);
      server.write(await takeSized(client, Buffer.alloc(0), signal));
      return (await logIn(client, server, signal)) ? server : undefined;
    });
  } catch (err) {
    client.end(refusal(wordsFor(relaying, err)));
  }
};

/** The same way for a program of our own: nothing is said to a server that is another one. HostError where it is. */
export async function securely({ stream, tls }: Reached, signal: AbortSignal): Promise<Duplex> {
  stream.write(sslRequest);
  if ((await take(stream, 1, signal)).toString() !== 'S') throw new HostError('it does not speak TLS');
  return await secured(stream, tls, signal);
}

const [authentication, error] = ['R'.charCodeAt(0), 'E'.charCodeAt(0)];
/** What an Authentication message asks for: AuthenticationSASL, and those that a program answers, by a password or by what proves that it knows it. */
const saslRequest = 10;
const answered: ReadonlySet<number | undefined> = new Set([3, 5, saslRequest, 11]);
const [loggedIn, saslFinal] = [0, 12];

/**
 * Whether the program was let in, by what is passed on, without the offer to bind a password to TLS: the library of a program that speaks without TLS takes that
 * for the work of somebody in between, as it is. HostError where a password is not asked for.
 */
async function logIn(client: Duplex, server: Duplex, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const message = await takeSized(server, await take(server, 1, signal), signal);
    const request = requestOf(message);
    client.write(request === saslRequest ? unbound(message) : message);
    if (request === loggedIn) return true;
    if (message[0] === error) return false;
    if (answered.has(request)) server.write(await takeSized(client, await take(client, 1, signal), signal));
    else if (request !== undefined && request !== saslFinal) throw new HostError('it asks for no password');
  }
}

/** A message after its type, if it has one. */
async function takeSized(stream: Duplex, type: Buffer, signal: AbortSignal): Promise<Buffer> {
  const size = await take(stream, 4, signal);
  const bytes = size.readInt32BE() - 4;
  if (bytes < 1 || bytes > longestMessage) throw new HostError('it does not speak the protocol of PostgreSQL');
  return Buffer.concat([type, size, await take(stream, bytes, signal)]);
}

function requestOf(message: Buffer): number | undefined {
  return message[0] === authentication && message.length >= 9 ? message.readInt32BE(5) : undefined;
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
