import { secretKind } from '#schemas/meta/builtin.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending, Refused } from '#runtime/manager/controller.ts';
import { nameState } from '#controllers/claimed-name.ts';
import type { JudgeHostname } from '#controllers/parts.ts';
import { providerIdOf } from '#controllers/zone-provider.ts';
import { BY_WANTED_NAME } from '#controllers/wanted-names.ts';
import { defined, hostsOf, type Whereabouts } from '#controllers/whereabouts.ts';
import type { FoundKey, ZoneClusterInputs } from './inputs.ts';
import { dnskeyIn, keySecretOf } from './keys-driver.ts';
import { packageRecordsFor } from '#controllers/package-records.ts';

/** Reads what the leader must know: the tenant's host, the claim of the name, and the keys. */
export function gatherZoneCluster(
  zone: Zone,
  cache: Cache,
  judge: JudgeHostname,
): ZoneClusterInputs | Pending | Refused {
  const { namespace = '' } = zone.metadata;
  const tenant = cache.get(tenantKind, { name: namespace });
  if (tenant === undefined) {
    const message = `There is no Tenant ${namespace}; make one, or move the Zone.`;
    return { pending: { reason: 'NamespaceWithoutTenant', message } };
  }
  const keys = keysOf(zone, cache);
  if ('refused' in keys) return keys;
  const name = nameState(zone.spec.name, namespace, cache, judge);
  return {
    tenant: namespace,
    name,
    packageRecords: name.state === 'Bound' ? packageRecordsFor(zone, tenant.status?.effective ?? {}) : [],
    ...twinOf(zone, cache),
    ...placeOf(zone, tenant.status?.host),
    lostHosts: hostsOf(zone.status).filter((name) => cache.get(hostKind, { name })?.spec.lost === true),
    ...keys,
    ...tsigSecretOf(zone, cache),
  };
}

/** What a provider answers needs no host. */
function placeOf(zone: Zone, host: string | undefined): Pick<ZoneClusterInputs, 'place' | 'provider'> {
  const provider = providerIdOf(zone);
  return provider === undefined ? { place: defined<Whereabouts>({ host }) } : { place: {}, provider };
}

function tsigSecretOf(
  { metadata: { namespace }, spec }: Zone,
  cache: Cache,
): Pick<ZoneClusterInputs, 'tsigSecretVersion'> {
  const name = spec.transfer?.tsigSecretRef?.name;
  if (name === undefined) return {};
  return { tsigSecretVersion: cache.get(secretKind, { namespace, name })?.metadata.resourceVersion ?? '' };
}

/** Of several Zones of one name the oldest is answered. */
function twinOf({ metadata, spec }: Zone, cache: Cache): Pick<ZoneClusterInputs, 'twin'> {
  const age = ({ creationTimestamp = '', name }: Zone['metadata']): string => `${creationTimestamp} ${name}`;
  const twin = cache
    .byIndex(zoneKind, BY_WANTED_NAME, spec.name)
    .find((other) => other.metadata.namespace === metadata.namespace && age(other.metadata) < age(metadata));
  return twin === undefined ? {} : { twin: twin.metadata.name };
}

/** A key that the registrar may know is never replaced because its Secret is gone: nobody could look the zone up any more. */
function keysOf(
  { metadata, spec, status }: Zone,
  cache: Cache,
): Pick<ZoneClusterInputs, 'keys' | 'wantedKeys'> | Refused {
  // A provider signs by keys of its own, or not at all.
  if (!spec.dnssec.enabled || spec.provider !== undefined) return { keys: [], wantedKeys: [] };
  const { namespace = '', name } = metadata;
  const wantedKeys = spec.dnssec.keys.toSorted((a, b) => a - b);
  const keys = wantedKeys.flatMap((number): readonly FoundKey[] => {
    const secretName = keySecretOf(name, number);
    const dnskey = dnskeyIn({ namespace, name: secretName }, cache);
    return dnskey === undefined ? [] : [{ number, secretName, dnskey }];
  });
  const lost = status?.dnssec?.keys?.find(
    ({ secretName }) =>
      wantedKeys.some((number) => keySecretOf(name, number) === secretName) &&
      !keys.some((key) => key.secretName === secretName),
  );
  if (lost === undefined || metadata.deletionTimestamp !== undefined) return { keys, wantedKeys };
  const message = `Secret ${lost.secretName} is gone, and with it the key that the registrar knows. Bring it back, or name another number in spec.dnssec.keys and give the registrar the new DS.`;
  return { refused: { reason: 'KeyLost', message } };
}
