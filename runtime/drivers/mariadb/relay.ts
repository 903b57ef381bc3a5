import { duplexPair, type Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import { lead, secured, take, wordsFor, type Reached, type Relay } from '#runtime/drivers/databases/relay.ts';

/** A packet of the protocol, with its place in an exchange. */
interface Packet {
  readonly place: number;
  readonly body: Buffer;
}

/** Capabilities. */
const [speaksTls, speaksProtocol41, tellsOfSession] = [0x0800, 0x0200, 0x800000];
/** So much of the answer to a greeting is a wish for TLS. */
const wishBytes = 32;
const [okHeader, errorHeader] = [0x00, 0xff];
const longestPacket = 65_536;

/**
 * A way to MariaDB over TLS for programs that come by a socket: the server is wished TLS in the program's name, which is one more packet than the program knows of
 * until it is logged in.
 */
export const relayMariadb: Relay = async (relaying) => {
  const { client, signal } = relaying;
  let place = 0;
  try {
    await lead(relaying, async (reached) => await open(client, reached, { signal, onAnswer: () => (place = 2) }));
  } catch (err) {
    client.end(packet({ place, body: refusal(wordsFor(relaying, err), place) }));
  }
};

/**
 * The same way for a program of our own, which comes without TLS: its library checks no certificate against an address. What changes of a session is not told: the
 * library would read it by lengths that lead it back again and again.
 */
export function securely(reached: Reached, signal: AbortSignal): Duplex {
  const [near, far] = duplexPair();
  near.once('close', () => far.destroy());
  far.once('close', () => near.destroy());
  const relaying = { client: far, reach: async () => await Promise.resolve(reached), signal };
  lead(relaying, async () => await open(far, reached, { signal, hidden: tellsOfSession })).catch((err: unknown) =>
    near.destroy(err as Error),
  );
  return near;
}

interface Opening {
  readonly signal: AbortSignal;
  /** Capabilities of which neither learns that the other has them. */
  readonly hidden?: number;
  /** It knows of the server from then on. */
  readonly onAnswer?: () => void;
}

/** The server, over TLS, once it has let the program in. HostError where the server is not the one that is meant. */
async function open(
  client: Duplex,
  { stream, tls }: Reached,
  { signal, hidden = 0, onAnswer }: Opening,
): Promise<Duplex | undefined> {
  const greeting = await takePacket(stream, signal);
  if (greeting.body[0] === errorHeader) return void client.write(packet(greeting));
  client.write(packet({ place: 0, body: without(greeting.body, speaksTls | hidden) }));
  const { body } = await takePacket(client, signal);
  onAnswer?.();
  const answer = wishing(body, hidden);
  stream.write(packet({ place: 1, body: answer.subarray(0, wishBytes) }));
  const server = await secured(stream, tls, signal);
  server.write(packet({ place: 2, body: answer }));
  return (await logIn(client, server, signal)) ? server : undefined;
}

/** Whether it was let in. */
async function logIn(client: Duplex, server: Duplex, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const { place, body } = await takePacket(server, signal);
    client.write(packet({ place: place - 1, body }));
    if (body[0] === okHeader || body[0] === errorHeader) return body[0] === okHeader;
    const reply = await takePacket(client, signal);
    server.write(packet({ ...reply, place: reply.place + 1 }));
  }
}

async function takePacket(stream: Duplex, signal: AbortSignal): Promise<Packet> {
  const head = await take(stream, 4, signal);
  const bytes = head.readUIntLE(0, 3);
  if (bytes === 0 || bytes > longestPacket) throw new HostError('it does not speak the protocol of MariaDB');
  return { place: head[3] ?? 0, body: await take(stream, bytes, signal) };
}

function packet({ place, body }: Packet): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = place;
  return Buffer.concat([head, body]);
}

/**
 * Of protocol 10: its version and the server's as a text that ends with NUL, a number of 4 bytes, 8 of chance, and one that is empty stand before capabilities,
 * whose other half comes 3 bytes later.
 */
function without(greeting: Buffer, hidden: number): Buffer {
  const at = greeting.indexOf(0, 1) + 14;
  const isGreeting = greeting[0] === 10 && at + 7 <= greeting.length;
  if (!isGreeting || (greeting.readUInt16LE(at) & speaksTls) === 0) throw new HostError('it does not speak TLS');
  const shown = Buffer.from(greeting);
  shown.writeUInt16LE(greeting.readUInt16LE(at) & ~hidden, at);
  shown.writeUInt16LE(greeting.readUInt16LE(at + 5) & ~(hidden >>> 16), at + 5);
  return shown;
}

/** An answer to a greeting, of one that wishes TLS. */
function wishing(answer: Buffer, hidden: number): Buffer {
  const capabilities = answer.length < wishBytes ? 0 : answer.readUInt32LE(0);
  if ((capabilities & speaksProtocol41) === 0) throw new HostError('the program speaks an old protocol');
  const wish = Buffer.from(answer);
  wish.writeUInt32LE(((capabilities & ~hidden) | speaksTls) >>> 0, 0);
  return wish;
}

/** Of no number of its own (1105), with a state where the program is known to read one. */
function refusal(words: string, place: number): Buffer {
  return Buffer.concat([Buffer.from([errorHeader, 0x51, 0x04]), Buffer.from(`${place === 0 ? '' : '#HY000'}${words}`)]);
}
