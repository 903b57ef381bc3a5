import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import { findCondition } from '#schemas/meta/conditions.ts';
import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, isRefused, type Pending, type Refused } from '#runtime/manager/controller.ts';
import { neighbourSocketsIn } from '#controllers/database-server.ts';
import { namesOf, type WantedName } from '#controllers/domain/names.ts';
import { isStillOn } from '#controllers/domain/still.ts';
import { secretNamesOf } from '#controllers/domain/secrets.ts';
import { retainedNameOf } from '#controllers/kept-data.ts';
import type { DomainHostInputs, FileInputs, LeavingInputs, Problem } from './inputs.ts';
import { phpInputsOf } from './php.ts';
import { proxyTargetOf } from './proxy.ts';
import type { Surroundings } from './surroundings.ts';

/** Reads what a Domain depends on. A Domain whose names are not bound yet is not here at all: placement comes after. */
export function gatherDomain(hostName: string, domain: Domain, cache: Cache): DomainHostInputs | Pending | Refused {
  const around = surroundingsOf(hostName, domain, cache);
  if ('pending' in around) return around;
  const suspendedFor = suspensionOf(domain, around);
  const base = { ...baseInputs(hostName, domain, around), isNoted: isNoted(domain, hostName, cache) };
  // A suspension holds whatever else is wrong with the site, as does what the package forbids; and a deletion needs none of what follows.
  if (suspendedFor !== undefined) return { ...base, suspendedFor };
  if (domain.metadata.deletionTimestamp !== undefined) return base;
  const target = domain.spec.proxy && proxyTargetOf(domain, around);
  if (target === undefined) return objectionTo(domain, base) ?? withPhp(domain, around, base);
  if ('reason' in target) return { ...base, problem: target };
  return objectionTo(domain, base) ?? { ...base, proxy: target };
}

function surroundingsOf(hostName: string, domain: Domain, cache: Cache): Surroundings | Pending {
  const { namespace: name = '' } = domain.metadata;
  const tenant = tenantStatusOf(name, cache);
  if (tenant.uid === undefined || tenant.effective === undefined) {
    return { pending: { reason: 'TenantNotReady', message: `Tenant ${name} is not ready yet.` } };
  }
  const { root, capabilities } = hostStatusOf(hostName, cache);
  if (root === undefined || capabilities?.front === undefined) {
    return { pending: { reason: 'HostNotReady', message: `Host ${hostName} has not told yet what it has.` } };
  }
  const sockets = neighbourSocketsIn(cache);
  const neighbours = sockets.length === 0 ? {} : { neighbourSockets: sockets };
  return { tenant: name, accountId: tenant.uid, effective: tenant.effective, root, capabilities, ...neighbours };
}

function tenantStatusOf(name: string, cache: Cache): NonNullable<Tenant['status']> {
  return cache.get(tenantKind, { name })?.status ?? {};
}

function hostStatusOf(name: string, cache: Cache): NonNullable<Host['status']> {
  return cache.get(hostKind, { name })?.status ?? {};
}

function isNoted(domain: Domain, hostName: string, cache: Cache): boolean {
  return cache.get(retainedDataKind, { name: retainedNameOf(domain, hostName) }) !== undefined;
}

/** Whose the files of a Domain are on this host, whatever else is missing for it. */
export function gatherFiles(hostName: string, domain: Domain, cache: Cache): FileInputs | Pending {
  const around = surroundingsOf(hostName, domain, cache);
  return 'pending' in around ? around : filesOf(around);
}

/** What is needed to let go of a Domain, whatever else is missing for it. */
export function gatherLeaving(hostName: string, domain: Domain, cache: Cache): LeavingInputs | Pending {
  const files = gatherFiles(hostName, domain, cache);
  return isPending(files) ? files : { ...files, isNoted: isNoted(domain, hostName, cache) };
}

function filesOf({ tenant, accountId, capabilities, root }: Surroundings): FileInputs {
  return { tenant, accountId, frontGid: capabilities.front?.gid ?? 0, root };
}

function baseInputs(hostName: string, domain: Domain, around: Surroundings): Omit<DomainHostInputs, 'isNoted'> {
  const bound = new Set(domain.status?.hostnames ?? []);
  const names = [...namesOf(domain).filter((name) => bound.has(name.hostname)), ...previewOf(domain)];
  const unclaimed = unclaimedOf(domain, bound);
  const uncertified = uncertifiedOf(domain);
  const secretVersions = Object.fromEntries(
    (domain.status?.secrets ?? []).map((secret) => [secret.name, secret.resourceVersion]),
  );
  return {
    ...filesOf(around),
    names,
    isStill: isStillOn(hostName, domain),
    ...(around.neighbourSockets === undefined ? {} : { neighbourSockets: around.neighbourSockets }),
    ...(unclaimed === undefined ? {} : { unclaimed }),
    ...(uncertified === undefined ? {} : { uncertified }),
    ...tlsOf(domain, secretVersions),
    secretVersions,
  };
}

function previewOf({ status }: Domain): readonly WantedName[] {
  return status?.previewHostname === undefined ? [] : [{ hostname: status.previewHostname, use: 'Serve' }];
}

/** Names may be new since the leader last looked: then its `Claimed` speaks of the others only. */
function unclaimedOf(domain: Domain, bound: ReadonlySet<string>): Problem | undefined {
  const claimed = findCondition(domain.status?.conditions, 'Claimed');
  if (claimed?.status === 'False') return { reason: claimed.reason, message: claimed.message };
  const missing = namesOf(domain).find(({ hostname }) => !bound.has(hostname));
  return missing && { reason: 'Claiming', message: `${missing.hostname} is being claimed.` };
}

/** The certificate, once there is one. */
function tlsOf({ status }: Domain, versions: Readonly<Record<string, string>>): Pick<DomainHostInputs, 'tls'> {
  const { secretName = '', dnsNames = [], serialNumber } = status?.tls ?? {};
  const resourceVersion = versions[secretName] ?? '';
  if (resourceVersion === '' || dnsNames.length === 0) return {};
  return { tls: { secretName, resourceVersion, dnsNames, ...(serialNumber === undefined ? {} : { serialNumber }) } };
}

/** What the leader said of an older spec says nothing of the names of this one. */
function uncertifiedOf({ metadata, status }: Domain): Problem | undefined {
  const said = findCondition(status?.conditions, 'CertificateReady');
  if (said === undefined) return undefined;
  if (said.observedGeneration !== metadata.generation)
    return { reason: 'Issuing', message: 'It is being looked whether the certificate is for all names.' };
  return said.status === 'True' ? undefined : { reason: said.reason, message: said.message };
}

function suspensionOf(domain: Domain, around: Surroundings): string | undefined {
  if (around.effective.suspended === true) return around.effective.suspendedFor ?? 'This site is suspended.';
  return domain.spec.suspended ? 'This site is suspended.' : undefined;
}

/** Why the site goes on as it was. */
function objectionTo(
  domain: Domain,
  { secretVersions }: Pick<DomainHostInputs, 'secretVersions'>,
): Pending | Refused | undefined {
  const missing = missingSecret(domain, secretVersions);
  if (missing !== undefined) return { pending: missing };
  return (parseDurationSeconds(domain.spec.limits.timeout) ?? 0) > 3600
    ? { refused: { reason: 'TimeoutTooLong', message: 'spec.limits.timeout may be 1h at most.' } }
    : undefined;
}

function missingSecret(domain: Domain, versions: Readonly<Record<string, string>>): Problem | undefined {
  const name = secretNamesOf(domain).find((candidate) => (versions[candidate] ?? '') === '');
  return name === undefined ? undefined : { reason: 'SecretNotFound', message: `Secret ${name} is not there.` };
}

function withPhp({ spec }: Domain, around: Surroundings, base: DomainHostInputs): DomainHostInputs | Refused {
  if (spec.php === undefined) return base;
  const php = phpInputsOf(spec.php, around);
  return isRefused(php) ? php : { ...base, php };
}
