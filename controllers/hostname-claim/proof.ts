import { isTrue } from '#schemas/meta/conditions.ts';
import { nameHash } from '#schemas/meta/name-hash.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { HostnameClaim } from '#schemas/v1alpha1/hostname-claim.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { tenantAddresses } from '#controllers/tenant-addresses.ts';
import { thoseWanting } from '#controllers/wanted-names.ts';
import { baseOf, isUnregistrable, registrableOf } from './ancestors.ts';
import { challengeOf, recordNamesFor, type OwnershipChallenge } from './challenge.ts';
import { claimsAbove } from './claims-above.ts';

/** When new claims need proof. WhenShared: once there is a second tenant. */
export type ProofPolicy = 'WhenShared' | 'Always' | 'Never';

/** How a claim can do without the DNS. */
export type Voucher = 'Unneeded' | 'Asserted' | 'Inherited';

/** What the DNS is to be asked on behalf of a claim. */
export interface ProofQuestion {
  readonly tenant: string;
  /** Where the record may stand. */
  readonly records: readonly string[];
  readonly challenge: OwnershipChallenge;
  /** Other tenants that want the name, and what the record would hold for each. */
  readonly rivals: readonly { readonly tenant: string; readonly value: string }[];
  /** The name that was registered, and which servers answer for it when it is delegated to us. */
  readonly registrable: string;
  readonly servers: OwnServers;
  /** Changes when somebody asks for a look. */
  readonly request: string;
}

/** What a zone of a tenant is delegated to when that is here. */
export interface OwnServers {
  /** Names that an administrator gave our servers. */
  readonly names: readonly string[];
  /** Where the tenant's host is reached. */
  readonly addresses: readonly string[];
}

/**
 * Why a claim needs no look at the DNS; `undefined` when it does:
 * | what                                                                     | answer    |
 * | an administrator says that it is the tenant's                            | Asserted  |
 * | nobody can register the name, or the policy does not ask for proof       | Unneeded  |
 * | a name above is the tenant's by a bound claim, or was delegated to it    | Inherited |
 */
export function voucherFor(claim: HostnameClaim, policy: ProofPolicy, cache: Cache): Voucher | undefined {
  const { hostname, ownership, tenantRef } = claim.spec;
  if (ownership === 'Asserted') return 'Asserted';
  if (isUnregistrable(hostname) || !isProofAskedFor(policy, cache)) return 'Unneeded';
  const isInherited = claimsAbove(hostname, cache).some(
    ({ spec, status }) =>
      isTrue(status?.conditions, 'Bound') &&
      (spec.tenantRef.name === tenantRef.name || spec.delegatedTo.includes(tenantRef.name)),
  );
  return isInherited ? 'Inherited' : undefined;
}

function isProofAskedFor(policy: ProofPolicy, cache: Cache): boolean {
  return policy === 'Always' || (policy === 'WhenShared' && cache.list(tenantKind).length > 1);
}

/** What the DNS is asked for a claim; `undefined` while its tenant is not there. */
export function questionOf({ spec }: HostnameClaim, cache: Cache): ProofQuestion | undefined {
  const { hostname, tenantRef } = spec;
  const challenge = challengeFor(hostname, tenantRef.name, cache);
  if (challenge === undefined) return undefined;
  const wanting = thoseWanting(hostname, cache);
  const rivals = [...new Set(wanting.map(({ metadata }) => metadata.namespace ?? ''))]
    .filter((tenant) => tenant !== tenantRef.name)
    .toSorted()
    .flatMap((tenant) => {
      const value = challengeFor(hostname, tenant, cache)?.value;
      return value === undefined ? [] : [{ tenant, value }];
    });
  const requests = wanting.flatMap(({ metadata }) => metadata.annotations?.[ANNOTATIONS.requestedAt] ?? []);
  return {
    tenant: tenantRef.name,
    records: recordNamesFor(hostname, baseOf(hostname)),
    challenge,
    rivals,
    registrable: registrableOf(hostname),
    servers: serversOf(tenantRef.name, cache),
    request: nameHash(requests.toSorted().join(' ')).toString(36),
  };
}

function serversOf(tenant: string, cache: Cache): OwnServers {
  const { effective } = cache.get(tenantKind, { name: tenant })?.status ?? {};
  return { names: effective?.dns?.nameservers ?? [], addresses: tenantAddresses(tenant, cache) };
}

/** The record by which a tenant shows that a name is its own. */
export function challengeFor(hostname: string, tenant: string, cache: Cache): OwnershipChallenge | undefined {
  const uid = cache.get(tenantKind, { name: tenant })?.metadata.uid;
  return uid === undefined ? undefined : challengeOf(hostname, uid);
}

/** Tells questions apart in a status, whoever asked for them. */
export function markOf({ tenant, challenge, rivals }: ProofQuestion): string {
  return nameHash(JSON.stringify([tenant, challenge, rivals])).toString(36);
}

const pauses = { least: 10_000, most: 6 * 3_600_000, part: 2 } as const;

/**
 * How long after a look in vain the next one is: half of the time waited so far, ten seconds to six hours, and up to a tenth more. Whoever has just read what to
 * set is answered soon, and thousands of names that are never shown cost a look every few hours each. Milliseconds. Pure.
 */
export function lookPauseMs(waitedMs: number, seed: string): number {
  const pause = Math.min(Math.max(waitedMs / pauses.part, pauses.least), pauses.most);
  return Math.round(pause * (1 + (nameHash(seed) % 100) / 1_000));
}
