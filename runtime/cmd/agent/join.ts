import { rfc3339 } from '#runtime/base/clock.ts';
import { hostObject, hostStatus } from '#controllers/host/registration.ts';
import { hostKind, type Host as HostResource } from '#schemas/v1alpha1/host.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Host } from '#runtime/host/host.ts';

export interface Joining {
  readonly client: Client;
  readonly host: Host;
  readonly hostName: string;
  readonly signal: AbortSignal;
}

const fieldManager = 'wcp360-agent';
const agentVersion = '0.1.0';
const type = resourceTypeOf(hostKind);

/** Makes the Host object of this machine, or brings its status in line with what the machine has. */
export async function joinCluster({ client, host, hostName, signal }: Joining): Promise<void> {
  const facts = {
    name: hostName,
    root: host.root,
    agentVersion,
    capabilities: await host.capabilities(signal),
    services: host.services,
    hasAccounts: false,
    takenNames: [],
  };
  const object = hostObject(facts);
  const present = (await client.apply(type, object, { fieldManager, force: true, signal })) as unknown as HostResource;
  const status = hostStatus(facts, present, rfc3339(Date.now()));
  await client.apply(
    type,
    { ...object, spec: undefined, status },
    { fieldManager, force: true, subresource: 'status', signal },
  );
}
