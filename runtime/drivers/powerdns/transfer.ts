import { RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Api } from './api.ts';
import type { ZoneSettings } from './model.ts';

/** What a zone's settings are put by. */
export interface Reach {
  readonly api: Api;
  readonly secrets: SecretReader | undefined;
  readonly signal: AbortSignal;
}

/** As the server lists it. */
export interface ListedZone {
  readonly account: string;
  /** Empty: it is in none. */
  readonly catalog?: string;
}

type Tsig = NonNullable<ZoneSettings['transfer']['tsig']>;

/**
 * The key that transfers are signed with: its name, where there is one. It is named like its zone, or the catalog that lists it: keys are the server's, and no
 * tenant may change another's.
 */
export async function putTransferKey(
  zone: string,
  { transfer: { tsig, catalog } }: ZoneSettings,
  reach: Reach,
): Promise<readonly string[]> {
  const { api, signal } = reach;
  const name = tsig === undefined ? zone : (catalog ?? zone);
  const keys = (await api.get('/tsigkeys', signal)) as readonly { readonly id: string }[];
  const isThere = keys.some(({ id }) => id === name);
  if (tsig === undefined) {
    if (isThere) await api.send('DELETE', `/tsigkeys/${name}`, undefined, signal);
    return [];
  }
  const body = { name, ...(await readKey(tsig, reach)) };
  await (isThere ? api.send('PUT', `/tsigkeys/${name}`, body, signal) : api.send('POST', '/tsigkeys', body, signal));
  return [name];
}

async function readKey(
  tsig: Tsig,
  { secrets, signal }: Reach,
): Promise<{ readonly algorithm: string; readonly key: string }> {
  const secret = await secrets?.read(tsig.namespace, tsig.name, signal);
  const { algorithm = 'hmac-sha256', key = '' } = secret ?? {};
  if (!/^hmac-sha(256|384|512)$/.test(algorithm) || !/^[A-Za-z0-9+/]{16,172}={0,2}$/.test(key)) {
    throw new RefusedError('SecretNotFound', `Secret ${tsig.name} has no algorithm and key for transfers.`);
  }
  return { algorithm, key };
}

/** At once: by itself the server looks for changes once a minute. */
export async function tellSecondaries(zone: string, { api, signal }: Reach): Promise<void> {
  await api.send('PUT', `/zones/${zone}/notify`, undefined, signal);
}

/** The server lists the zones of a catalog by itself, but gives it another serial number only once a minute. */
export async function changeCatalogs(names: readonly string[], reach: Reach): Promise<void> {
  const { api, signal } = reach;
  for (const name of names.filter((each) => each !== '')) {
    if (((await api.get(`/zones?zone=${name}`, signal)) as readonly ListedZone[]).length === 0) continue;
    const { rrsets } = (await api.get(`/zones/${name}`, signal)) as { readonly rrsets: readonly ListedSet[] };
    const soa = rrsets.filter(({ type }) => type === 'SOA').map((set) => ({ ...set, changetype: 'REPLACE' }));
    await api.send('PATCH', `/zones/${name}`, { rrsets: soa }, signal);
    await tellSecondaries(name, reach);
  }
}

interface ListedSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly unknown[];
}
