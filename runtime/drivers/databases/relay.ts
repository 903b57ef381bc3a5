import { on, once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect } from 'node:tls';
import { HostError, Wcp360Error } from '#runtime/base/errors.ts';
import { parseAddress } from '#runtime/base/networks.ts';
import type { Turns } from '#runtime/base/turns.ts';
import type { ServerIdentity } from './server-host.ts';

/** A server elsewhere to which nothing was said yet. */
export interface Reached {
  readonly stream: Duplex;
  readonly tls: ServerIdentity;
}

/** A program that has connected, and how its server is reached. */
export interface Relaying {
  readonly client: Duplex;
  /** Wcp360Error when nobody answers. */
  readonly reach: (signal: AbortSignal) => Promise<Reached>;
  /** Ends who is not logged in by then. */
  readonly signal: AbortSignal;
  /** Of those who log in: others wait, and take no connection of the server meanwhile. Absent: nobody waits. */
  readonly logins?: Turns;
  /** Name of the DatabaseServer, for what a program reads that is not joined. */
  readonly name: string;
}

/**
 * Joins a program that speaks without TLS to a server that is spoken to with it, in the protocol of an engine, until one of them leaves. The server is told nothing
 * before it has proved that it is the one that is meant; where it does not, the program reads why. Never rejects.
 */
export type Relay = (relaying: Relaying) => Promise<void>;

/** TLS over a connection that stands. HostError where the certificate is not for the name, or of none of the authorities. */
export async function secured(
  stream: Duplex,
  { name, authorities }: ServerIdentity,
  signal: AbortSignal,
): Promise<Duplex> {
  attend(stream);
  const over = connect({
    socket: stream,
    // Against this the certificate is checked; a name is asked for as well.
    host: name,
    ...(parseAddress(name) === undefined ? { servername: name } : {}),
    ...(authorities === undefined ? {} : { ca: authorities }),
    minVersion: 'TLSv1.2',
  });
  attend(over);
  try {
    await once(over, 'secureConnect', { signal });
    return over;
  } catch (err) {
    over.destroy();
    signal.throwIfAborted();
    const words = err instanceof Error ? err.message : String(err);
    throw new HostError(`it does not prove that it is the one that is meant: ${words}`, {}, { cause: err });
  }
}

/** The next bytes of a stream from which nobody else reads. HostError when it ends before. */
export async function take(stream: Duplex, bytes: number, signal: AbortSignal): Promise<Buffer> {
  const look = (): Buffer | undefined => {
    const found = stream.read(bytes) as Buffer | null;
    return found?.length === bytes ? found : undefined;
  };
  const first = look();
  if (first !== undefined) return first;
  const hungUp = new HostError('it hung up');
  if (stream.readableEnded || stream.destroyed) throw hungUp;
  // Whoever begins to listen is told at once of what is there already, however little: one listener hears of what comes.
  for await (const _ of on(stream, 'readable', { signal, close: ['end', 'close'] })) {
    const found = look();
    if (found !== undefined) return found;
  }
  throw hungUp;
}

/** What a program is told that could not be joined. */
export function wordsFor({ name }: Pick<Relaying, 'name'>, err: unknown): string {
  return `DatabaseServer ${name}: ${err instanceof Wcp360Error ? err.message : 'an internal error occurred'}`;
}

/**
 * Reaches a server for a program, and joins them until one of them leaves. `logIn` gives what they are joined by once the program was let in, nothing where it was
 * not. HostError when it was not led so far: then the server is left, and the program still listens.
 */
export async function lead(
  { client, reach, signal, logins }: Omit<Relaying, 'name'>,
  logIn: (reached: Reached) => Promise<Duplex | undefined>,
): Promise<void> {
  let server: Duplex | undefined;
  const work = async (): Promise<void> => {
    if (client.destroyed) throw new HostError('the program hung up');
    const reached = await reach(signal);
    server = await attended(client, reached.stream, async () => await logIn(reached));
  };
  try {
    await (logins === undefined ? work() : logins.take(work, signal));
  } catch (err) {
    if (signal.aborted) throw new HostError('nobody was logged in in time', {}, { cause: err });
    throw err;
  }
  if (server === undefined) client.end();
  else await join(client, server);
}

/** The server is left with the program, and where nothing comes of it. */
async function attended(
  client: Duplex,
  stream: Duplex,
  logIn: () => Promise<Duplex | undefined>,
): Promise<Duplex | undefined> {
  attend(stream);
  let server: Duplex | undefined;
  try {
    client.once('close', () => stream.destroy());
    if (client.destroyed) throw new HostError('the program hung up');
    server = await logIn();
    return server;
  } finally {
    if (server === undefined) stream.destroy();
  }
}

/** A server may break at any time, also while nobody reads from it: whoever does next finds it closed. */
function attend(stream: Duplex): void {
  stream.on('error', () => stream.destroy());
}

async function join(client: Duplex, server: Duplex): Promise<void> {
  await Promise.allSettled([pipeline(client, server), pipeline(server, client)]);
}
