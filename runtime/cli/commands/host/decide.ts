import { ApiError } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { follow, type Followed } from '#runtime/cli/commands/follow.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';

const hostType = resourceTypeOf(hostKind);
const fieldManager = 'wcpctl-host';

/** `wcpctl host cordon|uncordon HOST`: whether the host takes new tenants. Those that are there stay; where it was being emptied, that ends. */
export async function setSchedulable(session: Session, host: string, isSchedulable: boolean): Promise<void> {
  const spec = isSchedulable ? { unschedulable: false, drain: false } : { unschedulable: true };
  await change(session, host, { spec });
  session.io.out(`host.hosting.wcp360.io/${host} ${isSchedulable ? 'uncordoned' : 'cordoned'}\n`);
}

/** `wcpctl host drain HOST`: its tenants are moved to other hosts. Waits for that, and tells how far it is, unless `wait` is false. */
export async function drainHost(
  session: Session,
  host: string,
  { wait, timeout }: { readonly wait?: boolean; readonly timeout?: string },
): Promise<void> {
  const { io } = session;
  await change(session, host, { spec: { unschedulable: true, drain: true } });
  io.out(`host.hosting.wcp360.io/${host} is being emptied\n`);
  if (wait === false) return;
  const isDone: Followed['isDone'] = ({ metadata }, drained) =>
    drained?.status === 'True' && drained.observedGeneration === metadata.generation;
  await follow(session, { type: hostType, name: host, condition: 'Drained', isDone, timeout });
}

/** `wcpctl host lost HOST`: the machine is gone; nobody waits for it, and its tenants go elsewhere without what only it held. `undo` takes the word back: what was placed elsewhere stays there. */
export async function declareLost(
  session: Session,
  host: string,
  { yes, undo }: { readonly yes?: boolean; readonly undo?: boolean },
): Promise<void> {
  if (undo !== true && yes !== true) {
    const tenants = await tenantsOn(session, host);
    throw new UsageError(
      `${tenants.length} tenants are on ${host}${tenants.length === 0 ? '' : ` (${tenants.slice(0, 5).join(', ')}${tenants.length > 5 ? ', …' : ''})`}: they are placed elsewhere, without the files that only this machine holds. If it is gone for good, say --yes`,
    );
  }
  await change(session, host, { spec: { lost: undo !== true } });
  session.io.out(`host.hosting.wcp360.io/${host} ${undo === true ? 'is not lost' : 'declared lost'}\n`);
}

/** `wcpctl host confirm HOST WORD`: what the alarm of a host tells of is meant. The word stands in the alarm, so that nobody confirms one that was not read. */
export async function confirmAlarm(session: Session, host: string, word: string): Promise<void> {
  await change(session, host, { metadata: { annotations: { [ANNOTATIONS.confirm]: word } } });
  session.io.out(`host.hosting.wcp360.io/${host} confirmed\n`);
}

async function tenantsOn(session: Session, host: string): Promise<readonly string[]> {
  const client = await session.client();
  const { items } = await client.list(resourceTypeOf(tenantKind), { fieldSelector: `status.host=${host}` });
  return (items as unknown as readonly Tenant[]).map(({ metadata }) => metadata.name);
}

async function change(session: Session, name: string, body: object): Promise<KubeObject> {
  const client = await session.client();
  try {
    return await client.patch(hostType, { name }, { type: 'merge', body }, { fieldManager });
  } catch (err) {
    if (err instanceof ApiError && err.status === 404) throw noSuchHost(name);
    throw err;
  }
}

export function noSuchHost(name: string): ApiError {
  return new ApiError(404, 'NotFound', `there is no host "${name}"; wcpctl get hosts shows those that are`);
}
