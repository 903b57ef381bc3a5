import { systemClock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { FileOwnership, Host } from '#runtime/host/host.ts';
import { keysDirectory, renderKeyPair } from './key-channel.ts';
import { checkTime, readKeyPair } from './key-pair.ts';
import type { NginxAction, Site, SiteTls } from './model.ts';
import { stapleAskOf, type StapleAsk } from './stapling/staple-ask.ts';
import type { Stapler } from './stapling/stapler.ts';
import { parseRecord, recordName, renderRecord, sitesDirectory, usersDirectory } from './record.ts';

/** What the driver acts on. `secrets` is needed for sites with basic auth or a certificate only; without `staples` no CA is asked for its word on one. */
export interface NginxWorld {
  readonly host: Host;
  readonly secrets?: SecretReader;
  readonly staples?: Pick<Stapler, 'provide'>;
}

interface Work {
  readonly world: NginxWorld;
  readonly signal: AbortSignal;
}

type PutInput = Extract<NginxAction, { op: 'put-site' }>['input'];

/** Carries out one action by one or two renames. Not synced: what a power loss takes is made again from the objects. */
export async function applySite(action: NginxAction, world: NginxWorld, signal: AbortSignal): Promise<void> {
  const name = recordName(action.input.hostname);
  if (action.op === 'put-site') await putRecord(name, action.input, { world, signal });
  else await deleteRecord(name, action.input.owner, world.host, signal);
}

/** All that may be refused is read before the first file is written: until then the record that is there serves on, unless the site is closed. */
async function putRecord(name: string, input: PutInput, { world, signal }: Work): Promise<void> {
  const { hostname, site } = input;
  const { host } = world;
  const { front } = await host.capabilities(signal);
  const ownership: FileOwnership = { mode: 0o640, uid: 0, gid: front.gid };
  if (isNotice(site) && needsSecrets(site))
    await close(`${sitesDirectory(host.root)}/${name}`, { site, ownership }, { world, signal });
  const put = async (path: string, text: string | undefined, owned: FileOwnership): Promise<void> =>
    text === undefined ? host.removeFile(path, signal) : host.replaceFile(path, text, owned, signal);
  const auth = site.access?.basicAuth;
  const users = auth && (await usersText(auth, world, signal));
  const keysFile = `${keysDirectory(host.root)}/${name}`;
  const served = site.tls && (await readServed(site.tls, { hostname, keysFile }, { world, signal }));
  await provideStaple(served?.ask, { world, signal });
  await put(`${usersDirectory(host.root)}/${name}`, users, ownership);
  await put(keysFile, served?.text, { mode: 0o600, uid: 0, gid: 0 });
  await put(`${sitesDirectory(host.root)}/${name}`, renderRecord(site), ownership);
}

function isNotice({ serve }: Site): boolean {
  return serve.type === 'suspended' || serve.type === 'unavailable';
}

function needsSecrets({ tls, access }: Site): boolean {
  return tls !== undefined || access?.basicAuth !== undefined;
}

/** A notice waits for no Secret of the tenant: it is shown at once, with the certificate that is there. */
async function close(
  path: string,
  { site, ownership }: { readonly site: Site; readonly ownership: FileOwnership },
  { world: { host }, signal }: Work,
): Promise<void> {
  const text = await host.readText(path, signal);
  const present = text === undefined ? undefined : parseRecord(text);
  const { access: _, tls: __, ...notice } = site;
  const tls = present?.owner === site.owner ? present.tls : undefined;
  await host.replaceFile(path, renderRecord({ ...notice, ...(tls === undefined ? {} : { tls }) }), ownership, signal);
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

interface Served {
  /** What goes over the key channel. */
  readonly text: string;
  readonly ask: StapleAsk | undefined;
}

/** What is served already does not become unfit by time alone: it would keep all else about the site from changing. */
async function readServed(
  { secret: from }: SiteTls,
  { hostname, keysFile }: { readonly hostname: string; readonly keysFile: string },
  { world, signal }: Work,
): Promise<Served> {
  const secret = await world.secrets?.read(from.namespace, from.name, signal);
  if (secret === undefined) throw new RefusedError('SecretNotFound', `The Secret "${from.name}" was not found.`);
  const pair = readKeyPair(secret, hostname);
  const ask = stapleAskOf(pair.certificate);
  const text = renderKeyPair({ ...pair, staple: ask?.fingerprint });
  if ((await world.host.readText(keysFile, signal)) !== text) checkTime(pair, Date.now());
  return { text, ask };
}

/** What is to be believed with a CA's word only is put in service together with it, if that comes soon: nobody else waits for a CA. */
async function provideStaple(ask: StapleAsk | undefined, { world, signal }: Work): Promise<void> {
  if (ask === undefined || world.staples === undefined) return;
  const provided = world.staples.provide(ask, signal).catch(() => undefined);
  if (ask.isRequired) await Promise.race([provided, systemClock.sleep(patienceMs, signal)]);
}

const patienceMs = 2_000;

async function deleteRecord(name: string, owner: string, host: Host, signal: AbortSignal): Promise<void> {
  const path = `${sitesDirectory(host.root)}/${name}`;
  const text = await host.readText(path, signal);
  // Another owner may have taken the name over since the plan was made.
  if (text !== undefined && parseRecord(text)?.owner !== owner) return;
  // The record last: it is what we know our own by.
  await host.removeFile(`${usersDirectory(host.root)}/${name}`, signal);
  await host.removeFile(`${keysDirectory(host.root)}/${name}`, signal);
  await host.removeFile(path, signal);
}
