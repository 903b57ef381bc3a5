import { HostError } from '#runtime/base/errors.ts';
import { contains, parseAddress, type Network } from '#runtime/base/networks.ts';
import { isOpenAddress } from '#runtime/base/public-addresses.ts';
import type { Host } from '#runtime/host/host.ts';
import type { StapleAsk } from './staple-ask.ts';
import { stapleOf, staplesDirectory, type Staple } from './staple.ts';

const openssl = '/usr/bin/openssl';
const timeoutMs = 10_000;
const longestAnswer = 128 * 1024;

export interface Responders {
  /** Where CAs may answer beside public addresses, and at which port they like. */
  readonly networks: readonly Network[];
  readonly nowMs: number;
}

/**
 * Asks a CA for its word on a certificate. It is signed by whom the CA has named, says that the certificate is good, and holds now; everything else is a
 * HostError with the words of OpenSSL. Whoever uploads a certificate says where that is: only public addresses are asked, at port 80.
 */
export async function askResponder(
  host: Host,
  ask: StapleAsk,
  { networks, nowMs }: Responders,
  signal: AbortSignal,
): Promise<Staple> {
  const address = await addressOf(host, ask.responder, { networks, signal });
  const issuer = `${staplesDirectory(host.root)}/.${ask.fingerprint}.issuer`;
  await host.replaceFile(issuer, ask.issuer, { mode: 0o600, uid: 0, gid: 0 }, signal);
  try {
    const argv = [openssl, 'ocsp', ...questionOf(ask, issuer), ...targetOf(ask.responder, address)];
    const bounds = { timeoutMs, maxBytes: longestAnswer, allowFailure: true } as const;
    const { stdout, stderr } = await host.run(argv, { ...bounds, encoding: 'latin1' }, signal);
    // What was answered comes as it is; what it means follows.
    const end = stdout.lastIndexOf(`0x${ask.serialNumber}: `);
    const meaning = `${end < 0 ? '' : stdout.slice(end)}${stderr}`;
    const times = timesIn(meaning, ask.serialNumber);
    if (times !== undefined)
      return stapleOf(Buffer.from(stdout.slice(0, end), 'latin1').toString('base64'), times, nowMs);
    throw new HostError(`${ask.responder.host} gives no good word on the certificate: ${lastWords(meaning)}`);
  } finally {
    await host.removeFile(issuer, signal);
  }
}

/** A response that anybody gets who asks may have been made before: a nonce would keep CAs from that. */
function questionOf({ serialNumber }: StapleAsk, issuer: string): readonly string[] {
  const believed = ['-issuer', issuer, '-CAfile', issuer, '-partial_chain'];
  return [...believed, '-no_nonce', '-serial', `0x${serialNumber}`, '-respout', '-'];
}

/** What was resolved and looked at is what is connected to. */
function targetOf({ host, port, pathname, search }: URL, address: string): readonly string[] {
  const at = address.includes(':') ? `[${address}]` : address;
  return ['-host', `${at}:${port || '80'}`, '-path', `${pathname}${search}`, '-header', `Host=${host}`];
}

async function addressOf(
  host: Host,
  { hostname, port }: URL,
  { networks, signal }: { readonly networks: readonly Network[]; readonly signal: AbortSignal },
): Promise<string> {
  const name = hostname.replaceAll(/[[\]]/g, '');
  const found = parseAddress(name) === undefined ? await host.resolve(name, signal) : [name];
  const isOpened = (text: string): boolean => {
    const address = parseAddress(text);
    return address !== undefined && networks.some((network) => contains(network, address));
  };
  const [first] = found;
  if (first === undefined) throw new HostError(`the responder ${name} has no address`);
  const closed = found.find((each) => !isOpenAddress(each, networks) || (port !== '' && !isOpened(each)));
  if (closed === undefined) return first;
  throw new HostError(`the responder ${name} is at ${closed}, port ${port || '80'}, which is not asked`);
}

/** `undefined` unless the response is the CA's, holds now, and the certificate is good. */
function timesIn(text: string, serialNumber: string): Parameters<typeof stapleOf>[1] | undefined {
  const isGood = text.includes(`0x${serialNumber}: good`) && text.includes('Response verify OK');
  if (!isGood || text.includes('WARNING: Status times invalid')) return undefined;
  const timeOf = (name: string): number | undefined => {
    const [, time] = new RegExp(`${name} Update: (.+)`).exec(text) ?? [];
    return time === undefined ? undefined : Date.parse(time);
  };
  const thisUpdateMs = timeOf('This');
  return thisUpdateMs === undefined ? undefined : { thisUpdateMs, nextUpdateMs: timeOf('Next') };
}

function lastWords(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(-300);
}
