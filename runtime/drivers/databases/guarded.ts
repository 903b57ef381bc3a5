import { Duplex } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';

/** How a protocol tells the messages of a server apart, and which of them no server sends that means well. All of it is pure. */
export interface Framing {
  readonly protocol: string;
  /** So many bytes of a message tell how long it is. */
  readonly headBytes: number;
  /** Bytes of all of a message that begins like this. */
  readonly sizeOf: (head: Buffer) => number;
  /** What is wrong with a message. `before` are those of the same answer, which is all that comes until we speak again. */
  readonly faultOf: (message: Buffer, before: Before) => string | undefined;
}

export interface Before {
  readonly count: number;
  readonly last?: Buffer;
}

const mebibyte = 1024 * 1024;
const longestMessage = 16 * mebibyte;
/** What is said to us until we say something again is held in memory. */
const longestAnswer = 64 * mebibyte;
/** A message counts for no less: of a short one may come many values. */
const leastCounted = 512;
const nothing = Buffer.alloc(0);

/**
 * A connection to a server elsewhere, for a library that takes the server's word for lengths and counts, and throws where nobody catches. It is given one whole
 * message at a time, so that it reads nothing beyond it, and none that `framing` finds fault with. Whatever the library throws meanwhile ends the connection, and
 * so does an answer without end; the error is a HostError that names the server.
 */
export function guarded(stream: Duplex, framing: Framing, server: string): Duplex {
  return new Guarded(stream, framing, server);
}

class Guarded extends Duplex {
  readonly #stream: Duplex;
  readonly #framing: Framing;
  readonly #server: string;
  /** A message that has not come as a whole, and how much there has to be before another look is worth it. */
  #held = nothing;
  #heldBytes = 0;
  #wantedBytes = 0;
  #before: Before = { count: 0 };
  #answerBytes = 0;

  constructor(stream: Duplex, framing: Framing, server: string) {
    super({ readableObjectMode: true, allowHalfOpen: false });
    this.#stream = stream;
    this.#framing = framing;
    this.#server = server;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('end', () => this.push(null));
    stream.on('error', (err) => this.destroy(err));
    stream.on('close', () => {
      if (!stream.readableEnded) this.destroy();
    });
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (err) {
      this.#refuse(`what it says makes no sense (${err instanceof Error ? err.message : String(err)})`);
      return true;
    }
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (err?: Error | null) => void): void {
    this.#before = { count: 0 };
    this.#answerBytes = 0;
    this.#stream.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#stream.end(() => done());
  }

  override _destroy(err: Error | null, done: (err: Error | null) => void): void {
    this.#stream.destroy();
    done(err);
  }

  #take(chunk: Buffer): void {
    if (this.#heldBytes === 0) return this.#hold(this.#pass(chunk));
    this.#hold(chunk);
    if (this.#heldBytes < this.#wantedBytes) return;
    const bytes = this.#held.subarray(0, this.#heldBytes);
    this.#held = nothing;
    this.#heldBytes = 0;
    this.#hold(this.#pass(bytes));
  }

  /** In one piece, into however many it was cut. */
  #hold(piece: Buffer): void {
    const bytes = this.#heldBytes + piece.length;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    piece.copy(this.#held, this.#heldBytes);
    this.#heldBytes = bytes;
  }

  /** What is left when all whole messages have been passed on. */
  #pass(bytes: Buffer): Buffer {
    const { headBytes, sizeOf } = this.#framing;
    let rest = bytes;
    while (rest.length >= headBytes && !this.destroyed) {
      const size = sizeOf(rest);
      this.#wantedBytes = size;
      const isSized = size >= headBytes && size <= longestMessage;
      if (isSized && rest.length < size) return rest;
      const message = rest.subarray(0, size);
      rest = rest.subarray(size);
      const fault = isSized ? this.#faultOf(message) : `a message of ${String(size)} bytes`;
      if (fault !== undefined) this.#refuse(fault);
      else if (!this.push(message)) this.#stream.pause();
    }
    this.#wantedBytes = headBytes;
    return rest;
  }

  #faultOf(message: Buffer): string | undefined {
    const before = this.#before;
    this.#before = { count: before.count + 1, last: message };
    this.#answerBytes += Math.max(message.length, leastCounted);
    if (this.#answerBytes > longestAnswer) return 'an answer that is too long';
    return this.#framing.faultOf(message, before);
  }

  #refuse(fault: string): void {
    const { protocol } = this.#framing;
    this.destroy(new HostError(`DatabaseServer ${this.#server} does not speak the protocol of ${protocol}: ${fault}`));
  }
}
