import type { KubeObject } from '#schemas/meta/object.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { secretRights } from '#controllers/secret-rights.ts';
import type { ZoneClusterInputs } from './inputs.ts';

/** The name to claim → its tenant. A name that is refused is not held: whoever may have it must find it free. */
export function desiredClaim({ name, tenant }: ZoneClusterInputs): ReadonlyMap<string, string> {
  return new Map(name.state === 'Refused' ? [] : [[name.hostname, tenant]]);
}

/** Lets the agent of the tenant's host read the very Secrets with the zone's keys, and no others. */
export function desiredRights(zone: Zone, inputs: ZoneClusterInputs): readonly KubeObject[] {
  const { host } = inputs.place;
  const tsigSecret = zone.spec.transfer?.tsigSecretRef?.name;
  const secrets = [
    ...inputs.keys.map(({ secretName }) => secretName),
    ...(tsigSecret === undefined ? [] : [tsigSecret]),
  ];
  const readers = host === undefined ? [] : [host];
  return secretRights(zoneKind, zone, { name: `wcp360-zone-${zone.metadata.name}`, readers, secrets });
}
