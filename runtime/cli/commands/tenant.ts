import { stringify } from 'yaml';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Session } from '#runtime/cli/session.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { follow } from './follow.ts';
import { noSuchHost } from './host/decide.ts';

interface Suspension {
  readonly by: string;
  readonly reason: string;
  readonly message?: string;
}

export interface SuspendOptions {
  readonly by?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** `wcpctl tenant suspend NAME`: adds one reason to the list; the tenant is active again when the list is empty. */
export async function suspendTenant(session: Session, name: string, options: SuspendOptions): Promise<void> {
  const added: Suspension = {
    by: options.by ?? 'wcpctl',
    reason: options.reason ?? 'Requested',
    ...(options.message !== undefined && { message: options.message }),
  };
  await changeSuspensions(session, name, (before) => [...before.filter((each) => !isSame(each, added)), added]);
  session.io.out(`tenant.hosting.wcp360.io/${name} suspended (${added.reason} by ${added.by})\n`);
}

/** `wcpctl tenant resume NAME`: takes one reason off the list, or all of them; says what still holds the tenant. */
export async function resumeTenant(
  session: Session,
  name: string,
  options: SuspendOptions & { readonly all?: boolean },
): Promise<void> {
  const removed = { by: options.by ?? 'wcpctl', reason: options.reason };
  const rest = await changeSuspensions(session, name, (before) =>
    options.all === true
      ? []
      : before.filter(
          ({ by, reason }) => by !== removed.by || (removed.reason !== undefined && reason !== removed.reason),
        ),
  );
  if (rest.length === 0) session.io.out(`tenant.hosting.wcp360.io/${name} resumed\n`);
  else
    session.io.out(
      `tenant.hosting.wcp360.io/${name} is still suspended: ${rest.map(({ by, reason }) => `${reason} by ${by}`).join(', ')}; resume with --by and --reason, or --all\n`,
    );
}

/** `wcpctl tenant move NAME HOST`: the tenant belongs on that host from now on. Waits until it is there, and tells how far it is, unless `wait` is false. */
export async function moveTenant(
  session: Session,
  { name, host }: { readonly name: string; readonly host: string },
  { wait, timeout }: { readonly wait?: boolean; readonly timeout?: string },
): Promise<void> {
  const client = await session.client();
  if ((await client.get(resourceTypeOf(hostKind), { name: host })) === undefined) throw noSuchHost(host);
  const type = resourceTypeOf(tenantKind);
  const body = { spec: { placement: { host } } };
  await client.patch(type, { name }, { type: 'merge', body }, { fieldManager: 'wcpctl-tenant' });
  session.io.out(`tenant.hosting.wcp360.io/${name} moves to ${host}\n`);
  if (wait === false) return;
  const isDone = (tenant: KubeObject): boolean => {
    const { status } = tenant as Tenant;
    return status?.host === host && status.nextHost === undefined && status.formerHost === undefined;
  };
  await follow(session, { type, name, condition: 'Moving', isDone, timeout });
  session.io.out(`tenant.hosting.wcp360.io/${name} is on ${host}\n`);
}

function isSame(a: Suspension, b: Suspension): boolean {
  return a.by === b.by && a.reason === b.reason;
}

/** Reads, changes and patches under the resourceVersion read, so that two people suspending at once both count. */
async function changeSuspensions(
  session: Session,
  name: string,
  change: (before: readonly Suspension[]) => readonly Suspension[],
): Promise<readonly Suspension[]> {
  const client = await session.client();
  const type = (await session.mapper()).named('tenants.hosting.wcp360.io');
  for (;;) {
    const tenant = await client.get<KubeObject & { readonly spec?: { readonly suspensions?: readonly Suspension[] } }>(
      type,
      { name },
    );
    if (tenant === undefined) throw new ApiError(404, 'NotFound', `tenants.hosting.wcp360.io "${name}" not found`);
    const suspensions = change(tenant.spec?.suspensions ?? []);
    try {
      const body = { metadata: { resourceVersion: tenant.metadata.resourceVersion }, spec: { suspensions } };
      await client.patch(type, { name }, { type: 'merge', body }, { fieldManager: 'wcpctl-tenant' });
      return suspensions;
    } catch (err) {
      if (!(err instanceof ApiError && err.status === 409)) throw err;
    }
  }
}

export interface KubeconfigOptions {
  readonly duration?: string;
  readonly serviceAccount?: string;
}

/** `wcpctl tenant kubeconfig NAME`: a kubeconfig for the tenant's owner, with rights in its own namespace only. */
export async function tenantKubeconfig(session: Session, name: string, options: KubeconfigOptions): Promise<void> {
  const client = await session.client();
  const { server, certificateAuthority } = await session.cluster();
  // Whoever may use this account works as an owner: the tenant's RoleBinding names it.
  const account = options.serviceAccount ?? 'default';
  const expirationSeconds = parseDurationFlag('--duration', options.duration ?? '24h') / 1000;
  const { token } = await requestToken(client, { namespace: name, name: account }, { expirationSeconds });
  session.io.out(
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [
        {
          name: 'wcp360',
          cluster: {
            server,
            ...(certificateAuthority !== undefined && {
              'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64'),
            }),
          },
        },
      ],
      contexts: [{ name, context: { cluster: 'wcp360', user: `${name}-${account}`, namespace: name } }],
      users: [{ name: `${name}-${account}`, user: { token } }],
    }),
  );
}
