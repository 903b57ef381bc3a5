import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import packet, { type Answer, type DecodedPacket, type Packet, type Question, type RecordType } from 'dns-packet';
import { HostError } from '#runtime/base/errors.ts';
import type { AnsweredRecord, NameServerAnswer } from '#schemas/meta/record-answer.ts';
import { answeredContent } from './answered-content.ts';

/** Who is asked. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

export interface DnsQuestion {
  /** With or without the dot at its end. */
  readonly name: string;
  readonly type: string;
  /** For a server that asks others for us. */
  readonly isRecursive?: boolean;
}

export interface DnsAnswer extends NameServerAnswer {
  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, … */
  readonly status: string;
  /** The server asks others for those who ask it. */
  readonly isResolver: boolean;
}

const timeoutMs = 2_000;
const payloadBytes = 1_232;
/** Types that the codec has no name for. */
const numbers: Readonly<Record<string, string>> = { SVCB: 'UNKNOWN_64', HTTPS: 'UNKNOWN_65' };

/** Asks one server once, by UDP, and by TCP when the answer does not fit. HostError when nothing comes in two seconds. */
export async function askDns(server: DnsServer, question: DnsQuestion, signal: AbortSignal): Promise<DnsAnswer> {
  const { isRecursive = false } = question;
  const type = (numbers[question.type] ?? question.type) as RecordType;
  return told(await exchangeDns(server, { name: unrooted(question.name), type, isRecursive }, signal));
}

/** An answer as it came; the types of the codec know nothing of its status. */
export type DnsReply = DecodedPacket & { readonly rcode: string; readonly flags: number };

/** The same, but for what is made of question and answer. */
export async function exchangeDns(
  server: DnsServer,
  { name, type, isRecursive = false }: Question & { readonly isRecursive?: boolean },
  signal: AbortSignal,
): Promise<DnsReply> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const query: Packet = {
    type: 'query',
    id: Math.floor(Math.random() * 65_536),
    flags: isRecursive ? packet.RECURSION_DESIRED : 0,
    questions: [{ name, type }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: payloadBytes,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  };
  try {
    const short = await overUdp(server, query, bound);
    return (short.flag_tc ? await overTcp(server, query, bound) : short) as DnsReply;
  } catch (err) {
    signal.throwIfAborted();
    throw new HostError(`${server.address} port ${server.port} does not answer for ${name}`, {}, { cause: err });
  }
}

async function overUdp(server: DnsServer, query: Packet, signal: AbortSignal): Promise<DecodedPacket> {
  const socket = createSocket({ type: server.address.includes(':') ? 'udp6' : 'udp4', signal });
  const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('error', reject);
  socket.on('message', (message) => {
    const answer = decodedDns(message);
    if (answer !== undefined && answer.id === query.id) resolve(answer);
  });
  try {
    // Connected: whatever others send does not arrive.
    socket.connect(server.port, server.address, () => socket.send(packet.encode(query)));
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    if (!signal.aborted) socket.close();
  }
}

async function overTcp(server: DnsServer, query: Packet, signal: AbortSignal): Promise<DecodedPacket> {
  const socket = connect({ host: server.address, port: server.port, signal });
  try {
    socket.write(packet.streamEncode(query));
    let received = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= received.readUInt16BE(0) + 2)
        return packet.streamDecode(received) as DecodedPacket;
    }
    throw new HostError('the answer broke off');
  } finally {
    socket.destroy();
  }
}

/** A message as it came from whomever; `undefined` for what is none. */
export function decodedDns(message: Buffer): DecodedPacket | undefined {
  try {
    return packet.decode(message);
  } catch {
    return undefined;
  }
}

function told(answer: DnsReply): DnsAnswer {
  return {
    status: answer.rcode,
    isAuthoritative: answer.flag_aa,
    isResolver: answer.flag_ra,
    records: recordsOf(answer.answers),
    authorities: recordsOf(answer.authorities),
    additionals: recordsOf(answer.additionals),
  };
}

function recordsOf(answers: readonly Answer[] = []): readonly AnsweredRecord[] {
  return answers.flatMap((answer) => {
    if (answer.type === 'OPT') return [];
    const type = Object.keys(numbers).find((name) => numbers[name] === answer.type) ?? answer.type;
    return [
      { name: `${answer.name.toLowerCase()}.`, type, ttlSeconds: answer.ttl ?? 0, content: answeredContent(answer) },
    ];
  });
}

function unrooted(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
