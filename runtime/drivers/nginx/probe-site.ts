import { isRecord } from '#runtime/base/json.ts';
import type { Host, ShownCertificate } from '#runtime/host/host.ts';
import { showsChallenge, type ChallengeWord } from '#runtime/pki/challenge-certificate.ts';
import type { FrontAddress } from './front-settings.ts';
import { reachable } from '#runtime/base/networks.ts';

const probePath = '/.well-known/wcp360/probe';
const timeoutMs = 5_000;

/** What the front says about a hostname: whose record it serves, and which generation. */
export interface SiteProbe {
  readonly owner: string;
  readonly uid: string;
  readonly generation: number;
}

/**
 * Asks the running front, on the reserved path, what it serves for a hostname; `undefined` when it serves nothing for it. Runs no code of the tenant.
 * HostError when the front does not answer. For a wildcard, any name below it is asked for.
 */
export async function probeSite(
  host: Host,
  front: FrontAddress,
  hostname: string,
  signal: AbortSignal,
): Promise<SiteProbe | undefined> {
  const token = (await host.readText(`${host.root}/front/probe-token`, signal))?.trim() ?? '';
  const answer = await host.httpRequest(
    {
      address: { host: reachable(front.address), port: front.port },
      method: 'GET',
      path: probePath,
      headers: { host: probeName(hostname), 'x-wcp360-probe': token },
      timeoutMs,
    },
    signal,
  );
  return answer.status === 200 ? parseProbe(answer.body) : undefined;
}

/** The certificate that a visitor is shown who asks the front's HTTPS listener for a hostname; `undefined` when it refuses. HostError when it does not answer. */
export async function probeCertificate(
  host: Host,
  front: FrontAddress,
  hostname: string,
  signal: AbortSignal,
): Promise<ShownCertificate | undefined> {
  return await host.tlsHandshake({ host: reachable(front.address), port: front.port }, probeName(hostname), signal);
}

function probeName(hostname: string): string {
  return hostname.startsWith('*.') ? `wcp360-probe${hostname.slice(1)}` : hostname;
}

function parseProbe(body: string): SiteProbe | undefined {
  const value: unknown = JSON.parse(body);
  if (!isRecord(value)) return undefined;
  const { owner, uid, generation } = value;
  const isWhole = typeof owner === 'string' && typeof uid === 'string' && typeof generation === 'number';
  return isWhole ? { owner, uid, generation } : undefined;
}

/** Whether the front shows a CA, on its reserved path, what it is to (RFC 8555 §8.3). HostError when it does not answer. */
export async function probeChallenge(
  host: Host,
  front: FrontAddress,
  { token, hostname, keyAuthorization }: ChallengeWord & { readonly token: string },
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await host.httpRequest(
    {
      address: { host: reachable(front.address), port: front.port },
      method: 'GET',
      path: `/.well-known/acme-challenge/${token}`,
      headers: { host: hostname },
      timeoutMs,
    },
    signal,
  );
  return answer.status === 200 && answer.body === keyAuthorization;
}

/** Whether a handshake of a CA with the front shows what it is to (RFC 8737 §3). HostError when it does not answer. */
export async function probeHandshake(
  host: Host,
  front: FrontAddress,
  word: ChallengeWord,
  signal: AbortSignal,
): Promise<boolean> {
  const address = { host: reachable(front.address), port: front.port };
  const shown = await host.tlsHandshake(address, word.hostname, signal, 'acme-tls/1');
  return shown !== undefined && showsChallenge(shown.raw, word);
}
