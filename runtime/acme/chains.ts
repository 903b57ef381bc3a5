import { AcmeProblem } from '#runtime/base/errors.ts';
import { parseChain } from '#runtime/pki/server-certificate.ts';
import type { TransportAnswer } from './transport.ts';

/** CAs that have other chains have one or two. */
const mostAlternates = 5;
/** A certificate takes 2 KiB, and no chain has more than 10. */
const longestChain = 64 * 1024;

/**
 * The chain (PEM) under a URL, or of those that the CA has beside it the one in which the wanted common name of an issuer stands nearest to the end;
 * the first where none has it. Errors: AcmeProblem.
 */
export async function downloadChain(
  url: string,
  preferredIssuer: string | undefined,
  read: (url: string) => Promise<TransportAnswer>,
): Promise<string> {
  const { data, headers } = await read(url);
  let best = { chain: chainIn(data), distance: Number.POSITIVE_INFINITY };
  if (preferredIssuer === undefined) return best.chain;
  best.distance = distanceOf(preferredIssuer, best.chain);
  for (const alternate of alternatesIn(headers['link'] ?? '').slice(0, mostAlternates)) {
    const chain = chainIn((await read(alternate)).data);
    const distance = distanceOf(preferredIssuer, chain);
    if (distance < best.distance) best = { chain, distance };
  }
  return best.chain;
}

function chainIn(data: unknown): string {
  if (typeof data === 'string' && data.length <= longestChain) return data;
  throw new AcmeProblem('malformedAnswer', 'the CA answered with a chain that is none, or longer than 64 KiB');
}

/** Certificates from the one that was issued by that name to the end; infinite where there is none, or the text is no chain. */
function distanceOf(issuer: string, chain: string): number {
  const issuers = parseChain(chain).map((certificate) => [certificate.toLegacyObject().issuer.CN].flat().at(-1));
  const index = issuers.indexOf(issuer);
  return index < 0 ? Number.POSITIVE_INFINITY : issuers.length - index;
}

/** `<https://ca.example/cert/1>;rel="alternate"` (RFC 8555 §7.4.2). */
function alternatesIn(header: string): readonly string[] {
  return header.split(/,\s*</u).flatMap((link) => {
    const [, url, parameters = ''] = /^<?([^>]*)>;(.*)$/u.exec(link) ?? [];
    return url !== undefined && /\brel\s*=\s*"?alternate"?/iu.test(parameters) ? [url] : [];
  });
}
