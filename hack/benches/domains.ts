import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Instance } from './instance.ts';
import { openClient } from './load.ts';
import { watchWrites } from './site-writes.ts';

/** The tenant of a bench, and its package. */
export const tenant = 'bench';

const group = '/apis/hosting.wcp360.io/v1alpha1';
export const applyHeaders = { 'content-type': 'application/apply-patch+yaml' } as const;

/** An object as the body of a server-side apply, and where it goes. */
export interface Applied {
  readonly path: string;
  readonly body: string;
}

/** `collection` is a path below the group. */
export function objectOf(kind: string, collection: string, metadata: Named, spec: object): Applied {
  const object = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind, metadata, spec };
  const path = `${group}/${collection}/${metadata.name}?fieldManager=bench&force=true`;
  return { path, body: JSON.stringify(object) };
}

export interface Named {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export function hostOf(name: string, namespace = tenant): string {
  return `${name}.${namespace}.example`;
}

/** A Domain with a hostname of its own; static when `spec` says nothing else. */
export function domainOf(name: string, spec: object = {}, namespace = tenant): Applied {
  const all = { hostname: hostOf(name, namespace), ...spec };
  return objectOf('Domain', `namespaces/${namespace}/domains`, { name, namespace }, all);
}

/** A Tenant with the package of the bench. */
export function tenantOf(name: string): Applied {
  return objectOf('Tenant', 'tenants', { name }, { packageRef: { name: tenant } });
}

/** Server-side apply, as wcpctl does it. Throws on the first refusal. */
export async function applyAll(instance: Instance, objects: readonly Applied[], connections = 1): Promise<void> {
  const client = openClient({ url: instance.apiUrl, tls: instance.admin, connections });
  const make = (n: number): Applied => objects[n] ?? { path: '', body: '' };
  try {
    await client.run({ requests: objects.length, method: 'PATCH', headers: applyHeaders, make });
  } finally {
    client.close();
  }
}

/** The tenant of the bench, ready to take Domains; its first one stands. */
export async function makeTenant(instance: Instance): Promise<void> {
  const log = await watchWrites(instance.store);
  await applyAll(instance, [
    objectOf('Package', 'packages', { name: tenant }, { limits: { domains: 20_000, memory: '4Gi' } }),
    tenantOf(tenant),
  ]);
  await applyAll(instance, [domainOf('first')]).catch(async () => await namespaceThere(instance));
  await applyAll(instance, [domainOf('first')]);
  await log.ready(1);
  log.close();
}

const tenantTimeoutMs = 20_000;

/** The leader makes the tenant's namespace and what belongs into it. */
async function namespaceThere(instance: Instance): Promise<void> {
  const giveUpAt = Date.now() + tenantTimeoutMs;
  for (;;) {
    const isThere = await stat(join(instance.directory, 'tenants', tenant)).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    if (Date.now() > giveUpAt) throw new Error('the tenant was not made in time');
    await setTimeout(50);
  }
}
