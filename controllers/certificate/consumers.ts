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

/** More are not looked at: a Domain has few names, and a certificate at most a hundred. */
const mostConsumers = 200;

/** Index of Domains by what `secretKey` gives. */
export const BY_SERVED_SECRET = 'servedSecret';

export function servedSecretsOf({ metadata, status }: Domain): readonly string[] {
  const { secretName } = status?.tls ?? {};
  return secretName === undefined ? [] : [`${metadata.namespace ?? ''}/${secretName}`];
}

/** The Domains that show what is in a Secret (`namespace/name`), for any of these names, in order of name. */
export function consumersOf(secret: string, dnsNames: readonly string[], cache: Cache): readonly Consumer[] {
  return cache
    .byIndex(domainKind, BY_SERVED_SECRET, secret)
    .filter((domain) => shows(domain, dnsNames, cache))
    .map(({ metadata: { name }, status: { shownSerialNumber } = {} }) => ({
      domain: name,
      ...(shownSerialNumber === undefined ? {} : { serialNumber: shownSerialNumber }),
    }))
    .toSorted((a, b) => (a.domain < b.domain ? -1 : 1))
    .slice(0, mostConsumers);
}

/** One that goes, has no name of those yet, or is on a host without TLS shows no certificate. */
function shows({ metadata, status }: Domain, dnsNames: readonly string[], cache: Cache): boolean {
  const { host, hostnames = [] } = status ?? {};
  const port = host === undefined ? undefined : cache.get(hostKind, { name: host })?.status?.capabilities?.httpsPort;
  const isNamed = hostnames.some((hostname) => coversName(dnsNames, hostname));
  return metadata.deletionTimestamp === undefined && port !== undefined && isNamed;
}
