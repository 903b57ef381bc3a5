import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import packet, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import { HostError } from '#runtime/base/errors.ts';
import { decodedDns, exchangeDns, type DnsServer } from './ask.ts';

/** As many aliases are followed; a ring of them ends there. */
const mostAliases = 8;
/** Nobody remembers what may be another name server's soon. */
const ttlSeconds = 1;

/**
 * A resolver for machines that the DNS knows nothing of: `upstream` answers for the zones that it speaks for, and every other name is at loopback.
 * By UDP only. Lives until `signal` aborts; resolves when it listens.
 */
export async function openLocalResolver(
  listen: DnsServer,
  upstream: DnsServer | undefined,
  signal: AbortSignal,
): Promise<void> {
  const socket = createSocket({ type: 'udp4', signal });
  const answer = async (message: Buffer, from: RemoteInfo): Promise<void> => {
    const query = decodedDns(message);
    const [question] = query?.questions ?? [];
    if (query === undefined || question === undefined) return;
    const reply = packet.encode(replyTo(query, question, await resolve(question, upstream, signal)));
    if (!signal.aborted) socket.send(reply, from.port, from.address);
  };
  socket.on('message', (message, from) => void answer(message, from).catch(() => undefined));
  // A message that could not be received: who asked asks again.
  socket.on('error', () => undefined);
  socket.bind(listen.port, listen.address);
  await once(socket, 'listening', { signal });
}

interface Resolved {
  readonly rcode: number;
  readonly answers: readonly Answer[];
}

const NOERROR = 0;
const SERVFAIL = 2;
const RCODE_BITS = 0x0f;

function replyTo({ id }: DecodedPacket, question: Question, { rcode, answers }: Resolved): Packet {
  return {
    type: 'response',
    id: id ?? 0,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | rcode,
    questions: [question],
    answers: [...answers],
  };
}

async function resolve(
  { name, type }: Question,
  upstream: DnsServer | undefined,
  signal: AbortSignal,
): Promise<Resolved> {
  const answers: Answer[] = [];
  let asked = name;
  for (let hop = 0; hop <= mostAliases; hop += 1) {
    const found = await lookUp({ name: asked, type }, upstream, signal);
    answers.push(...found.answers);
    const last = found.answers.at(-1);
    if (last?.type !== 'CNAME' || type === 'CNAME') return { rcode: found.rcode, answers };
    asked = last.data;
  }
  return { rcode: SERVFAIL, answers: [] };
}

async function lookUp(question: Question, upstream: DnsServer | undefined, signal: AbortSignal): Promise<Resolved> {
  if (upstream === undefined) return atLoopback(question);
  try {
    const found = await exchangeDns(upstream, question, signal);
    // It refuses to speak of what it has no zone for (RFC 8499 §6).
    return found.rcode === 'REFUSED'
      ? atLoopback(question)
      : { rcode: found.flags & RCODE_BITS, answers: found.answers ?? [] };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return { rcode: SERVFAIL, answers: [] };
  }
}

function atLoopback({ name, type }: Question): Resolved {
  const isAddress = type === 'A';
  return { rcode: NOERROR, answers: isAddress ? [{ name, type, ttl: ttlSeconds, data: '127.0.0.1' }] : [] };
}
