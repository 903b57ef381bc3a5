import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#runtime/client/client.ts';
import { patienceMs } from '#test/lab/patience.ts';
import type { TenantFiles } from '#test/lab/tenant-files.ts';
import type { Visit, VisitOptions } from '#test/lab/visit.ts';

/** Who attacks, and who has something to lose. */
export type Tenant = 'alpha' | 'beta';

/** Where attacks on sites take place: one host with two tenants, be it a whole instance or a host alone. */
export interface SiteGround extends TenantFiles {
  /** The host's root as the test sees it. */
  readonly directory: string;
  /** The same as programs on the host see it. */
  readonly root: string;
  /** Where the front listens. */
  readonly port: number;
  /** Declares the Domain `<name>` of a tenant, known as `<name>.<tenant>.test`; the reason when it is refused or cannot be served. */
  declare(tenant: Tenant, name: string, spec: Readonly<Record<string, unknown>>): Promise<string | undefined>;
  keepSecret(tenant: Tenant, name: string, data: Readonly<Record<string, string>>): Promise<void>;
  http(hostname: string, path?: string, options?: VisitOptions): Promise<Visit>;
}

/** Where attacks on the API take place: a server that knows both tenants. */
export interface ApiGround {
  readonly admin: Client;
  readonly owners: Readonly<Record<Tenant, Client>>;
  /** The token of alpha's owner. */
  readonly token: string;
  /** Whoever shows this token; without one, nobody. */
  bearer(token?: string): Client;
}

/** What nobody but beta, or those whom it shows it to, may read. */
export const canary = 'canary-of-beta-7d1f';

/** What the packages of both allow: alpha a loopback address of its own, beta all of IPv6. */
export const packages = {
  alpha: { proxyTargets: [{ cidr: '127.0.0.2/32', ports: '1-65535' }] },
  beta: { proxyTargets: [{ cidr: '::/0', ports: '1-65535' }] },
} as const;

/** Gives both tenants sites and files, as every attack finds them. */
export async function settle(ground: SiteGround): Promise<void> {
  for (const tenant of ['alpha', 'beta'] as const) {
    for (const [name, spec] of Object.entries({ files: {}, php: { php: {} } })) {
      const refused = await ground.declare(tenant, name, spec);
      if (refused !== undefined) throw new Error(`${name}.${tenant}.test is not served: ${refused}`);
      await ground.place(tenant, `domains/${name}/public/index.html`, `of ${tenant}`);
    }
  }
  await ground.place('alpha', 'domains/files/private/own.txt', 'private');
  for (const path of ['domains/files/public/secret.txt', 'domains/php/public/secret.txt', 'tmp/secret.txt'])
    await ground.place('beta', path, canary);
}

/** Waits for what a program does in its own time, a line in a log for one; `undefined` when it does not. */
export async function soon<T>(look: () => Promise<T | undefined>, withinMs = patienceMs): Promise<T | undefined> {
  for (const end = performance.now() + withinMs; performance.now() < end; await delay(20)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What stands in a file; nothing as long as nobody wrote it. */
export function textSoFar(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

let scripts = 0;

/** Runs PHP code of a tenant, which answers in JSON. Each time under another name: PHP may keep what it compiled for seconds. */
export async function php(ground: SiteGround, tenant: Tenant, code: string): Promise<unknown> {
  const name = `run-${(scripts += 1)}.php`;
  await ground.place(tenant, `domains/php/public/${name}`, `<?php error_reporting(0); ${code}`);
  const { status, body } = await ground.http(`php.${tenant}.test`, `/${name}`);
  if (status !== 200) throw new Error(`${name} of ${tenant}: ${status} ${body.slice(0, 500)}`);
  return JSON.parse(body);
}
