import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { packageKind } from '#schemas/v1alpha1/package.ts';
import { tenantKind } from '#schemas/v1alpha1/tenant.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { until, type LabInstance } from './instance.ts';
import { conditionOf } from './widgets.ts';

export const domainType = resourceTypeOf(domainKind);
export const tenantType = resourceTypeOf(tenantKind);
export const hostType = resourceTypeOf(hostKind);
export const secretType: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
};
export const packageType = resourceTypeOf(packageKind);

/** A Kubernetes looks for new kinds to count every half minute. */
const tenantPatienceMs = 60_000;

const apiVersion = 'hosting.wcp360.io/v1alpha1';

/** A Domain's manifest; named like its host without the last label. */
export function aDomain(tenant: string, name: string, spec: Readonly<Record<string, unknown>> = {}): KubeObject {
  return {
    apiVersion,
    kind: 'Domain',
    metadata: { name, namespace: tenant },
    spec: { hostname: `${name}.${tenant}.test`, ...spec },
  };
}

/** Applies as somebody with a manifest would. */
export async function declare(client: Client, type: ResourceType, object: KubeObject): Promise<KubeObject> {
  return await client.apply(type, object, { fieldManager: 'lab', force: true, fieldValidation: 'Strict' });
}

/** A tenant with a package of its own; resolves when it is Ready. */
export async function declareTenant(
  client: Client,
  name: string,
  grants: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const named = { apiVersion, metadata: { name } };
  await declare(client, packageType, { ...named, kind: 'Package', spec: { limits: { domains: 1000 }, ...grants } });
  await declare(client, tenantType, { ...named, kind: 'Tenant', spec: { packageRef: { name } } });
  await until(
    async () => conditionOf(await client.get(tenantType, { name }), 'Ready')?.['status'] === 'True',
    `tenant ${name} to be Ready`,
    tenantPatienceMs,
  );
}

/** What the Domain says of itself about its newest generation, once it says anything that is not on its way. */
export async function verdictOf(
  client: Client,
  { metadata: { namespace, name } }: KubeObject,
): Promise<{ readonly status: string; readonly reason: string; readonly message: string }> {
  return await until(async () => {
    const domain = await client.get(domainType, { namespace, name });
    const ready = conditionOf(domain, 'Ready');
    if (ready === undefined || ready['observedGeneration'] !== domain?.metadata.generation) return undefined;
    const reason = String(ready['reason']);
    if (['Claiming', 'Applying', 'ProbeFailed', 'InProgress'].includes(reason)) return undefined;
    return { status: String(ready['status']), reason, message: String(ready['message']) };
  }, `a verdict on domain ${namespace}/${name}`);
}

/** Declares a Domain and resolves when visitors get it. */
export async function declareSite(client: Client, domain: KubeObject): Promise<void> {
  await declare(client, domainType, domain);
  const { namespace, name } = domain.metadata;
  await until(async () => {
    const live = await client.get(domainType, { namespace, name });
    const ready = conditionOf(live, 'Ready');
    return ready?.['status'] === 'True' && ready['observedGeneration'] === live?.metadata.generation;
  }, `domain ${namespace}/${name} to be Ready`);
}

/** A site with one file, which answers. */
export async function declareStaticSite(
  host: Pick<LabInstance, 'directory' | 'place'>,
  client: Client,
  site: { readonly domain: KubeObject; readonly page: string },
): Promise<void> {
  await declareSite(client, site.domain);
  const { namespace = '', name } = site.domain.metadata;
  await until(() => stat(join(host.directory, 'tenants', namespace, 'domains', name, 'public')), 'its directory');
  await host.place(namespace, `domains/${name}/public/index.html`, site.page);
}
