import { secretKind } from '#schemas/meta/builtin.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { required } from '#runtime/base/errors.ts';
import { PROVIDER_NAMES, type ProviderAccess } from '#runtime/drivers/dns-providers/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending } from '#runtime/manager/controller.ts';
import { providerUseOf, type ProviderUse } from '#controllers/zone-provider.ts';
import { recordsIn, settleRecords } from '#controllers/zone-records.ts';
import type { ZoneProviderInputs } from './inputs.ts';

/** Reads what the provider is to answer with. Nothing is told to it before the name is the tenant's. */
export function gatherZoneProvider(zone: Zone, cache: Cache): ZoneProviderInputs | Pending {
  const access = accessOf(zone, required(providerUseOf(zone), 'spec.provider'), cache);
  const { deletionTimestamp, annotations } = zone.metadata;
  if (deletionTimestamp === undefined) {
    if (!isTrue(zone.status?.conditions, 'Claimed'))
      return { pending: { reason: 'Claiming', message: 'The name is not the tenant’s yet; Claimed says why.' } };
    if (access.secret.resourceVersion === '') return { pending: secretNotFound(access) };
  }
  const { sets, verdicts } = settleRecords(zone, recordsIn(zone, cache), []);
  const request = annotations?.[ANNOTATIONS.requestedAt];
  return {
    zone: rootedName(zone.spec.name),
    access,
    ...(request === undefined ? {} : { request }),
    records: sets,
    unanswered: [...verdicts].flatMap(([name, { isAnswered }]) => (isAnswered ? [] : [name])).toSorted(),
  };
}

function accessOf({ metadata: { namespace = '' } }: Zone, use: ProviderUse, cache: Cache): ProviderAccess {
  const { provider, secretName: name, zoneId } = use;
  const resourceVersion = cache.get(secretKind, { namespace, name })?.metadata.resourceVersion ?? '';
  return { provider, secret: { namespace, name, resourceVersion }, ...(zoneId === undefined ? {} : { zoneId }) };
}

function secretNotFound({ provider, secret }: ProviderAccess): Pending['pending'] {
  const field = `spec.provider.${provider}.secretRef`;
  const message = `Secret ${secret.name} (${field}), by which ${PROVIDER_NAMES[provider]} knows us, is not there: make it in ${secret.namespace}.`;
  return { reason: 'SecretNotFound', message };
}
