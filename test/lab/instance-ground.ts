import type { Test } from 'tap';
import { parse } from 'yaml';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import type { Tenant as TenantResource } from '#schemas/index.ts';
import { packages, type ApiGround, type SiteGround, type Tenant } from '#test/attacks/ground.ts';
import { startInstance, until, type LabInstance } from './instance.ts';
import { aDomain, declare, declareTenant, domainType, secretType, tenantType, verdictOf } from './tenants.ts';

/** A whole instance with both tenants: their sites, its API, and what only an instance has. */
export interface InstanceGround extends SiteGround, ApiGround {
  readonly ports: LabInstance['ports'];
  /** Has the package of a tenant allow these targets of proxies, and no others. */
  allowTargets(tenant: Tenant, targets: readonly { readonly cidr: string; readonly ports: string }[]): Promise<void>;
}

/** Starts an instance with both tenants; it ends with the test. */
export async function openInstanceGround(t: Test): Promise<InstanceGround> {
  const instance = await startInstance();
  const clients: Client[] = [];
  t.teardown(async () => {
    for (const client of clients) await client.close();
    await instance.stop();
  });
  return await groundOn(instance, clients);
}

async function groundOn(instance: LabInstance, clients: Client[]): Promise<InstanceGround> {
  const admin = await instance.client();
  const { server, certificateAuthority: ca } = await loadKubeconfig({ path: instance.kubeconfig });
  const bearer = (token?: string): Client => {
    const client = createClient({ server, tls: { ca, token } });
    clients.push(client);
    return client;
  };
  for (const tenant of ['alpha', 'beta'] as const) await declareTenant(admin, tenant, packages[tenant]);
  const [token, ofBeta] = await Promise.all([ownersToken(instance, 'alpha'), ownersToken(instance, 'beta')]);
  const owners = { alpha: bearer(token), beta: bearer(ofBeta) };
  const { directory, ports, http, uidOf, place, link, runAs } = instance;
  return {
    ...{ admin, owners, token, bearer, directory, ports, http, uidOf, place, link, runAs },
    root: '/srv/wcp360',
    port: ports.http,
    declare: (tenant, name, spec) => declared(owners[tenant], aDomain(tenant, name, spec)),
    keepSecret: async (tenant, name, data) => {
      const metadata = { name, namespace: tenant };
      await declare(owners[tenant], secretType, { apiVersion: 'v1', kind: 'Secret', metadata, stringData: data });
    },
    allowTargets: (tenant, proxyTargets) => allowTargets(admin, tenant, proxyTargets),
  };
}

async function ownersToken(instance: LabInstance, tenant: Tenant): Promise<string> {
  const ended = await instance.wcpctl(['tenant', 'kubeconfig', tenant]);
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
  const [user] = (parse(ended.stdout) as { readonly users: readonly { readonly user: { readonly token: string } }[] })
    .users;
  return user?.user.token ?? '';
}

/** Why a Domain that its owner declares is not served; `undefined` when it is. */
async function declared(owner: Client, domain: ReturnType<typeof aDomain>): Promise<string | undefined> {
  try {
    await declare(owner, domainType, domain);
  } catch (err) {
    if (err instanceof ApiError) return err.reason;
    throw err;
  }
  const { status, reason } = await verdictOf(owner, domain);
  return status === 'True' ? undefined : reason;
}

async function allowTargets(admin: Client, tenant: Tenant, proxyTargets: readonly object[]): Promise<void> {
  await declareTenant(admin, tenant, { proxyTargets });
  await until(async () => {
    const { effective } = (await admin.get<TenantResource>(tenantType, { name: tenant }))?.status ?? {};
    return JSON.stringify(effective?.proxyTargets) === JSON.stringify(proxyTargets);
  }, `the new package of ${tenant}`);
}
