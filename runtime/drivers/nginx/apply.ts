import { RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { FileOwnership, Host } from '#runtime/host/host.ts';
import type { NginxAction, Site } from './model.ts';
import { parseRecord, recordName, renderRecord, sitesDirectory, usersDirectory } from './record.ts';

/** What the driver acts on. `secrets` is needed for sites with basic auth only. */
export interface NginxWorld {
  readonly host: Host;
  readonly secrets?: SecretReader;
}

/** Carries out one action by one or two renames. Not synced: what a power loss takes is made again from the objects. */
export async function applySite(action: NginxAction, world: NginxWorld, signal: AbortSignal): Promise<void> {
  const name = recordName(action.input.hostname);
  if (action.op === 'put-site') await putRecord(name, action.input.site, world, signal);
  else await deleteRecord(name, action.input.owner, world.host, signal);
}

async function putRecord(name: string, site: Site, world: NginxWorld, signal: AbortSignal): Promise<void> {
  const { host } = world;
  const { front } = await host.capabilities(signal);
  const ownership: FileOwnership = { mode: 0o640, uid: 0, gid: front.gid };
  const usersFile = `${usersDirectory(host.root)}/${name}`;
  if (site.access?.basicAuth === undefined) {
    await host.removeFile(usersFile, signal);
  } else {
    await host.replaceFile(usersFile, await usersText(site.access.basicAuth, world, signal), ownership, signal);
  }
  await host.replaceFile(`${sitesDirectory(host.root)}/${name}`, renderRecord(site), ownership, signal);
}

type BasicAuth = NonNullable<NonNullable<Site['access']>['basicAuth']>;

async function usersText(auth: BasicAuth, world: NginxWorld, signal: AbortSignal): Promise<string> {
  const from = auth.secret;
  if (from === undefined) return '';
  const secret = await world.secrets?.read(from.namespace, from.name, signal);
  const text = secret?.['auth'];
  if (text === undefined) {
    throw new RefusedError('SecretNotFound', `The Secret "${from.name}" with the key "auth" was not found.`);
  }
  return text;
}

async function deleteRecord(name: string, owner: string, host: Host, signal: AbortSignal): Promise<void> {
  const path = `${sitesDirectory(host.root)}/${name}`;
  const text = await host.readText(path, signal);
  // Another owner may have taken the name over since the plan was made.
  if (text !== undefined && parseRecord(text)?.owner !== owner) return;
  // The record last: it is what we know our own by.
  await host.removeFile(`${usersDirectory(host.root)}/${name}`, signal);
  await host.removeFile(path, signal);
}
