import type { Certificate } from '#schemas/v1alpha1/certificate.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { NameState } from '#controllers/claimed-name.ts';
import { issuerOf, type IssuerReference } from '#controllers/issuer-use.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { challengeTypeFor } from '#controllers/solvers.ts';
import { stayingZones, zoneNamesFor } from '#controllers/zone-of.ts';

export interface Surroundings {
  readonly cache: Cache;
  readonly ancestorsOf: ClusterParts<never>['ancestorsOf'];
  /** A Zone that is about to be there. */
  readonly newZone?: string | undefined;
}

interface Certifying {
  readonly namespace: string;
  readonly issuerRef: IssuerReference;
  /** The Certificate that the Domain has made. */
  readonly present: Certificate | undefined;
  readonly around: Surroundings;
}

/**
 * | name                                        | in the Certificate                    |
 * | bound, and the issuer can show it           | yes                                   |
 * | bound, cannot be shown (wildcard, no Zone)  | as long as the one that serves has it |
 * | being claimed                               | if it is there already                |
 * | another's, or to be shown by the tenant yet | no, so that the others have theirs    |
 *
 * So a Zone that moves, or claims that are made anew after a restore, cost no order. With no name at all it stays as it is.
 */
export function certifiedNames(names: readonly NameState[], certifying: Certifying): readonly string[] {
  const { present } = certifying;
  const standing = standingNames(present);
  const isWanted = ({ hostname, state }: NameState): boolean => {
    if (state === 'Bound') return standing.includes(hostname) || canBeShown(hostname, certifying);
    return state === 'Claiming' && present?.spec.dnsNames.includes(hostname) === true;
  };
  const wanted = names
    .filter(isWanted)
    .map(({ hostname }) => hostname)
    .toSorted();
  return wanted.length === 0 && present !== undefined ? present.spec.dnsNames.toSorted() : wanted;
}

/** Names of the certificate that serves, until the next one is on its way: that is not to fail for a name that cannot be shown. */
function standingNames(present: Certificate | undefined): readonly string[] {
  const { dnsNames = [], issuance, failedIssuanceAttempts } = present?.status ?? {};
  return issuance === undefined && failedIssuanceAttempts === undefined ? dnsNames : [];
}

/** Whether the issuer can show that the name is the tenant's; of one that is not there it can only be said that it could. */
function canBeShown(hostname: string, { issuerRef, namespace, present, around }: Certifying): boolean {
  const { cache, ancestorsOf, newZone } = around;
  const issuer = issuerOf(issuerRef, namespace, cache);
  if (issuer === undefined && present !== undefined) return present.spec.dnsNames.includes(hostname);
  const acme = issuer?.spec.acme;
  if (acme === undefined) return true;
  const isWildcard = hostname.startsWith('*.');
  const dnsName = isWildcard ? hostname.slice(2) : hostname;
  const type = challengeTypeFor({ dnsName, isWildcard }, acme.solvers);
  if (type !== 'DNS-01') return type !== undefined;
  const zones = new Set([newZone, ...stayingZones(namespace, cache).map(({ spec }) => spec.name)]);
  return zoneNamesFor(dnsName, ancestorsOf).some((name) => zones.has(name));
}
