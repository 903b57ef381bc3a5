import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { coversName } from '#runtime/base/hostnames.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** A Domain that is served with a certificate. */
export interface Consumer {
  readonly domain: string;
  /** Of the certificate that a handshake showed last; absent while there was none. */
  readonly serialNumber?: string;
}

/** A Domain that may be served with it, if it has one of its names. */
export interface Candidate extends Consumer {
  readonly hostnames: readonly string[];
}

/** More are not looked at: a Domain has few names, and a certificate at most a hundred. */
const mostConsumers = 200;

/** Index of Domains by what `secretKey` gives. */
export const BY_SERVED_SECRET = 'servedSecret';

export function servedSecretsOf({ metadata, status }: Domain): readonly string[] {
  const { secretName } = status?.tls ?? {};
  return secretName === undefined ? [] : [`${metadata.namespace ?? ''}/${secretName}`];
}

/** The Domains that show what is in a Secret (`namespace/name`), in order of name. */
export function candidatesFor(secret: string, cache: Cache): readonly Candidate[] {
  return cache
    .byIndex(domainKind, BY_SERVED_SECRET, secret)
    .filter((domain) => canShow(domain, cache))
    .map(({ metadata: { name }, status: { hostnames = [], shownSerialNumber } = {} }) => ({
      domain: name,
      hostnames,
      ...(shownSerialNumber === undefined ? {} : { serialNumber: shownSerialNumber }),
    }))
    .toSorted((a, b) => (a.domain < b.domain ? -1 : 1))
    .slice(0, mostConsumers);
}

/** One that goes, or is on a host without TLS, shows no certificate. */
function canShow({ metadata, status }: Domain, cache: Cache): boolean {
  const { host } = status ?? {};
  const port = host === undefined ? undefined : cache.get(hostKind, { name: host })?.status?.capabilities?.httpsPort;
  return metadata.deletionTimestamp === undefined && port !== undefined;
}

/** Those that show a certificate for these names. */
export function consumersOf(candidates: readonly Candidate[], dnsNames: readonly string[]): readonly Consumer[] {
  return candidates
    .filter(({ hostnames }) => hostnames.some((hostname) => coversName(dnsNames, hostname)))
    .map(({ domain, serialNumber }) => ({ domain, ...(serialNumber === undefined ? {} : { serialNumber }) }));
}
