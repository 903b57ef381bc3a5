import { apiVersionOf } from '#schemas/meta/kind.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { ProviderNotes } from '#runtime/drivers/dns-providers/index.ts';

const zoneType = resourceTypeOf(zoneKind);
/** Nobody else writes `status.provider.records`. */
const fieldManager = 'wcp360-provider-records';

/** Notes of what is ours at a provider, in the status of the Zone. ApiError NotFound when that is gone. */
export function createProviderNotes<W extends { readonly client: Client }>(): ProviderNotes<W> {
  return {
    read: async ({ client }, owner, signal) => {
      const zone = await client.get<Zone>(zoneType, keyOf(owner), signal);
      return zone === undefined ? undefined : (zone.status?.provider?.records ?? []);
    },
    write: async ({ client }, owner, records, signal) => {
      const object = {
        apiVersion: apiVersionOf(zoneKind),
        kind: zoneKind.kind,
        metadata: keyOf(owner),
        status: records.length === 0 ? {} : { provider: { records } },
      };
      await client.apply(zoneType, object, { fieldManager, force: true, subresource: 'status', signal });
    },
  };
}

function keyOf(owner: string): { readonly namespace: string; readonly name: string } {
  const [, namespace = '', name = ''] = owner.split('/');
  return { namespace, name };
}
