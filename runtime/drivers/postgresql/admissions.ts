import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import type { LoginSettings } from '#runtime/drivers/databases/model.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import type { Host } from '#runtime/host/host.ts';
import { isRecord } from '#runtime/base/json.ts';
import { renderAdmissions, type AdmittedNetwork } from './client-rules.ts';
import { admissionsPaths } from './render.ts';
import { networkRole } from './groups.ts';
import type { Ask } from './session.ts';
import { list, literal, name as quoted, sql, together } from './sql.ts';

// Who may come from which network. Only the file pg_hba.conf can say that, for which the server has to be told: so there is a role for each network, which is
// in the file, and logins become its members.

const reloadTimeoutMs = 10_000;

/** Networks that a login may come from. RefusedError `HostsUnfit` where the server has a file of somebody else's. */
export function networksOf({ origins = [] }: LoginSettings, { admit }: Pick<ServerHost, 'admit'>): readonly string[] {
  const networks = origins.filter((origin) => origin !== 'Socket' && origin !== 'Anywhere');
  if (networks.length > 0 && admit === undefined)
    throw new RefusedError('HostsUnfit', 'PostgreSQL keeps to networks by its pg_hba.conf, which is not ours there.');
  return networks;
}

/** The roles whose members may come from these networks; the server knows of them once this returns. Their names tell nobody anything. */
export async function admittedGroups(
  networks: readonly string[],
  { admit }: Pick<ServerHost, 'admit'>,
  ask: Ask,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (networks.length === 0 || admit === undefined) return [];
  await ask(sql`CREATE TABLE IF NOT EXISTS wcp360.networks (network text PRIMARY KEY, role text NOT NULL)`);
  const known = new Set((await readNetworks(ask, networks)).map(({ network }) => network));
  for (const network of networks.filter((each) => !known.has(each))) {
    const role = `${networkRole}${randomBytes(8).toString('hex')}`;
    await ask(
      together([
        sql`CREATE ROLE ${quoted(role)}`,
        sql`INSERT INTO wcp360.networks (network, role) VALUES (${literal(network)}, ${literal(role)})
          ON CONFLICT (network) DO UPDATE SET role = excluded.role`,
      ]),
    );
  }
  const all = await readNetworks(ask, networks);
  if (await admit(all, signal)) await reload(ask, signal);
  return all.filter(({ network }) => networks.includes(network)).map(({ group }) => group);
}

/** Those from which somebody may come, and these. */
async function readNetworks(ask: Ask, networks: readonly string[]): Promise<readonly AdmittedNetwork[]> {
  const rows = await ask(sql`SELECT n.network, n.role FROM wcp360.networks n JOIN pg_roles r ON r.rolname = n.role
    WHERE n.network IN (${list(['', ...networks].map(literal))}) OR EXISTS (SELECT FROM pg_auth_members a WHERE a.roleid = r.oid)
    ORDER BY 1`);
  return rows.map(({ network, role }) => ({ network: String(network), group: String(role) }));
}

/** Returns once whoever comes is asked by the file as it is now. */
export async function reload(ask: Ask, signal: AbortSignal): Promise<void> {
  const [before] = await ask(sql`SELECT pg_conf_load_time()::text AS at, pg_reload_conf()`);
  const deadline = performance.now() + reloadTimeoutMs;
  while ((await ask(sql`SELECT pg_conf_load_time()::text AS at`))[0]?.['at'] === before?.['at']) {
    if (performance.now() > deadline) throw new HostError('PostgreSQL does not read who may come from where');
    await delay(10, undefined, { signal });
  }
}

/** Writes who may come from where, for a server that may not run; whether anything was written. */
export async function placeAdmissions(
  host: Host,
  networks: readonly AdmittedNetwork[],
  { gid }: { readonly gid: number },
  signal: AbortSignal,
): Promise<boolean> {
  const paths = admissionsPaths(host.root);
  const texts = { [paths.networks]: JSON.stringify(networks), [paths.rules]: renderAdmissions(networks) };
  let hasChanged = false;
  for (const [path, text] of Object.entries(texts)) {
    if ((await host.readText(path, signal)) === text) continue;
    await host.replaceFile(path, text, { mode: 0o640, uid: 0, gid, durable: true }, signal);
    hasChanged = true;
  }
  return hasChanged;
}

/** As they were placed last. */
export async function placedAdmissions(host: Host, signal: AbortSignal): Promise<readonly AdmittedNetwork[]> {
  const text = await host.readText(admissionsPaths(host.root).networks, signal);
  const found: unknown = text === undefined ? [] : JSON.parse(text);
  return Array.isArray(found) ? found.filter(isAdmitted) : [];
}

function isAdmitted(value: unknown): value is AdmittedNetwork {
  return isRecord(value) && typeof value['network'] === 'string' && typeof value['group'] === 'string';
}

/** Brings the file to what the server has, whatever became of it; whether it has any networks of ours. */
export async function bringAdmissions(
  { admit }: Pick<ServerHost, 'admit'>,
  ask: Ask,
  signal: AbortSignal,
): Promise<boolean> {
  const [there] = await ask(sql`SELECT to_regclass('wcp360.networks') IS NOT NULL AS "isThere"`);
  if (there?.['isThere'] !== true || admit === undefined) return false;
  if (await admit(await readNetworks(ask, []), signal)) await reload(ask, signal);
  return true;
}
