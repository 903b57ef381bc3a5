import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { PROVIDER_IDS, type ProviderId } from '#runtime/drivers/dns-providers/model.ts';

/** Whose name servers answer for a Zone, and the Secret by which they know us. */
export interface ProviderUse {
  readonly provider: ProviderId;
  readonly secretName: string;
  readonly zoneId?: string;
}

/** `undefined`: servers of our hosts answer. */
export function providerUseOf({ spec }: Pick<Zone, 'spec'>): ProviderUse | undefined {
  const provider = PROVIDER_IDS.find((id) => spec.provider?.[id] !== undefined);
  if (provider === undefined) return undefined;
  const zoneId = spec.provider?.route53?.hostedZoneID;
  const secretName = spec.provider?.[provider]?.secretRef.name ?? '';
  return { provider, secretName, ...(zoneId === undefined ? {} : { zoneId }) };
}

export function providerIdOf(zone: Pick<Zone, 'spec'>): ProviderId | undefined {
  return providerUseOf(zone)?.provider;
}
