import { secretKind } from '#schemas/meta/builtin.ts';
import { FINALIZERS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { ProviderState } from '#runtime/drivers/dns-providers/model.ts';
import { defineController, type Desired, type ProbeResult, type Watch } from '#runtime/manager/controller.ts';
import type { ClusterParts, ClusterWorld, DriverOf } from '#controllers/parts.ts';
import { providerUseOf } from '#controllers/zone-provider.ts';
import { recordIndexes } from '#controllers/zone-records.ts';
import { gatherZoneProvider } from './provider/gather.ts';
import type { ZoneProviderInputs } from './provider/inputs.ts';
import { zoneProviderStatus } from './provider/status.ts';

export type ZoneProviderDrivers<W> = { readonly provider: DriverOf<ProviderState, W> };

const BY_SECRET = 'providerSecret';

/** A Zone at a provider of name servers: the leader keeps its records there as they are declared. */
export function createZoneProviderController<W extends ClusterWorld>(parts: ClusterParts<W>) {
  return defineController<typeof zoneKind, W, ZoneProviderDrivers<W>, ZoneProviderInputs>({
    name: 'zone.provider',
    kind: zoneKind,
    finalizer: FINALIZERS.provider,
    finalizerSetBy: 'loop',
    drivers: { provider: parts.dnsProviders },
    watches,
    indexes: [...recordIndexes, { kind: zoneKind, index: { name: BY_SECRET, valuesOf: secretOf } }],
    concerns: (zone) => providerUseOf(zone) !== undefined,
    gather: gatherZoneProvider,
    desired: (_zone, inputs) => ({ provider: stateOf(inputs) }),
    afterDeletion: (_zone, inputs) => afterDeletion(inputs),
    status: (zone, { inputs, observed, outcome, probes }) =>
      zoneProviderStatus(zone, { inputs, found: observed?.provider?.found, outcome, probes }),
    probe: async (zone, _inputs, _world, signal) => [await probeZone(zone, parts, signal)],
  });
}

function stateOf({ zone, access, request, records }: ZoneProviderInputs): ProviderState {
  return { zone, access, request, records };
}

/** Records of ours go, the zone stays: it was there before. Whoever has taken the token away wants nothing changed there any more. */
function afterDeletion<W>(inputs: ZoneProviderInputs | undefined): Desired<ZoneProviderDrivers<W>> {
  if (inputs === undefined || inputs.access.secret.resourceVersion === '') return { provider: undefined };
  return { provider: stateOf({ ...inputs, records: new Map() }) };
}

const watches: readonly Watch[] = [
  {
    kind: dnsRecordKind,
    keysOf: ({ metadata, ...record }) => [
      { namespace: metadata.namespace, name: (record as unknown as Pick<DNSRecord, 'spec'>).spec.zoneRef.name },
    ],
  },
  {
    kind: secretKind,
    keysOf: ({ metadata: { namespace = '', name } }, cache) =>
      cache.byIndex(zoneKind, BY_SECRET, `${namespace}/${name}`).map(({ metadata }) => ({
        namespace: metadata.namespace,
        name: metadata.name,
      })),
  },
];

function secretOf(object: KubeObject): readonly string[] {
  const use = providerUseOf(object as Zone);
  return use === undefined ? [] : [`${object.metadata.namespace ?? ''}/${use.secretName}`];
}

/** Asks the provider's servers as anybody would. */
async function probeZone<W>(
  { spec, status }: Zone,
  { askNameServers }: ClusterParts<W>,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const failed = (message: string): ProbeResult => ({ ok: false, reason: 'ProbeFailed', message });
  try {
    const question = { name: spec.name, type: 'SOA' };
    const { isAuthoritative, records } = await askNameServers(status?.nameservers ?? [], question, signal);
    const isKnown = isAuthoritative && records.some(({ type }) => type === 'SOA');
    if (!isKnown) return failed(`The provider's servers do not know ${spec.name} yet.`);
    return { ok: true, reason: 'Answered', message: 'The provider answers.' };
  } catch (err) {
    if (err instanceof HostError) return failed(`The provider's servers do not answer: ${err.message}.`);
    throw err;
  }
}
