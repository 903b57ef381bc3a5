import type { RecordChange } from '#schemas/meta/record-set.ts';
import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import { openApi } from './api.ts';
import { mayLoseKeys, type ZoneAbove } from './leaving-keys.ts';
import { changeMark, parseMark, renderMark } from './mark.ts';
import type { PowerdnsAction, ZoneKey, ZoneSettings } from './model.ts';
import { isRefusal, putRecords, rrsetOf, withSerial } from './put-records.ts';
import { withRefused, type RefusedRecords } from './record.ts';
import {
  changeCatalogs,
  putTransferKey,
  tellSecondaries,
  type ListedZone,
  type Reach as TransferReach,
} from './transfer.ts';

/** What the driver acts on. `secrets` is needed for zones that are signed, or transferred with a key. */
export interface PowerdnsWorld {
  readonly host: Host;
  readonly secrets?: SecretReader;
  /** Asked before keys go; without it they just go. */
  readonly zoneAbove?: ZoneAbove;
}

interface Reach extends TransferReach {
  readonly above: ZoneAbove | undefined;
}

/** Carries out one action. All of it can be repeated. */
export async function applyZone(action: PowerdnsAction, world: PowerdnsWorld, signal: AbortSignal): Promise<void> {
  const reach = { api: await openApi(world.host, signal), secrets: world.secrets, above: world.zoneAbove, signal };
  const { zone, owner } = action.input;
  switch (action.op) {
    case 'create-zone': {
      const refused = await createZone(action.input, reach);
      await putSettings(zone, action.input, reach);
      return await noteRefused(action.input, refused, reach);
    }
    case 'put-settings':
    case 'delete-keys':
      return await putSettings(zone, action.input, reach);
    case 'put-records':
    case 'delete-records': {
      const refused = await putRecords(zone, action.input.records, reach);
      if (action.input.hasSecondaries) await tellSecondaries(zone, reach);
      return await noteRefused(action.input, refused, reach);
    }
    case 'delete-zone':
      return await deleteZone(zone, owner, reach);
  }
}

/** Serial numbers go up by themselves with each change, and, as answers of a signed zone change with time, every week. */
export const serials = { soa_edit_api: 'DEFAULT', soa_edit: 'INCEPTION-INCREMENT' } as const;

/** With its SOA alone, where the server refuses some of its records; then the others, without these. */
async function createZone(
  { zone, owner, records: wanted, serial = 0 }: Extract<PowerdnsAction, { op: 'create-zone' }>['input'],
  reach: Reach,
): Promise<RefusedRecords> {
  const records = wanted.map((change) => (change.type === 'SOA' ? withSerial(change, serial) : change));
  const body = {
    name: zone,
    kind: 'Native',
    account: renderMark({ owner, settings: undefined }),
    ...serials,
    api_rectify: true,
    nameservers: [],
  };
  const create = async (having: readonly RecordChange[]): Promise<void> =>
    void (await reach.api.send('POST', '/zones', { ...body, rrsets: having.map(rrsetOf) }, reach.signal));
  try {
    await create(records);
    return {};
  } catch (err) {
    if (!isRefusal(err)) throw err;
    const [own, others] = [true, false].map((isSoa) => records.filter(({ type }) => (type === 'SOA') === isSoa));
    await create(own ?? []);
    return await putRecords(zone, others ?? [], reach);
  }
}

/** PostponedError `RecordRefused` where there are any: the next look knows that they cannot be had, and has all else as it is wanted. */
async function noteRefused(
  of: { readonly zone: string; readonly owner: string },
  refused: RefusedRecords,
  reach: Reach,
): Promise<void> {
  const [first] = Object.values(refused);
  if (first === undefined) return;
  await changeMark(of, (mark) => ({ ...mark, refused: withRefused(mark.refused ?? {}, refused) }), reach);
  throw new PostponedError('RecordRefused', first.words);
}

async function putSettings(
  zone: string,
  { owner, settings }: { readonly owner: string; readonly settings: ZoneSettings },
  reach: Reach,
): Promise<void> {
  const { api, signal } = reach;
  await putKeys({ zone, owner }, settings.keys, reach);
  const { to } = settings.transfer;
  const tsigKeys = await putTransferKey(zone, settings, reach);
  const metadata = {
    'ALLOW-AXFR-FROM': tsigKeys.length === 0 ? to : [],
    'ALSO-NOTIFY': to.map(withPort),
    'PUBLISH-CDNSKEY': settings.keys.length > 0 ? ['1'] : [],
    'PUBLISH-CDS': settings.keys.length > 0 ? ['2'] : [],
  };
  for (const [kind, values] of Object.entries(metadata)) {
    await api.send('PUT', `/zones/${zone}/metadata/${kind}`, { kind, metadata: values }, signal);
  }
  const { catalog: before = '', account } = (await api.get(`/zones/${zone}?rrsets=false`, signal)) as ListedZone;
  const catalog = settings.transfer.catalog ?? '';
  const body = {
    kind: kindOf(settings),
    catalog,
    ...serials,
    api_rectify: true,
    master_tsig_key_ids: tsigKeys,
    // The last word: from now on the settings count as they stand here.
    account: renderMark({ owner, settings, refused: parseMark(account)?.refused }),
  };
  await api.send('PUT', `/zones/${zone}`, body, signal);
  if (to.length > 0) await tellSecondaries(zone, reach);
  if (catalog !== before) await changeCatalogs([before, catalog], reach);
}

function kindOf({ isCatalog, transfer }: ZoneSettings): 'Producer' | 'Master' | 'Native' {
  if (isCatalog === true) return 'Producer';
  return transfer.to.length > 0 ? 'Master' : 'Native';
}

function withPort(address: string): string {
  return address.includes(':') ? `[${address}]:53` : `${address}:53`;
}

interface HeldKey {
  readonly id: number;
  readonly dnskey: string;
  readonly active: boolean;
  /** What the zone above may have of it, by several digests. */
  readonly ds?: readonly string[];
}

/** New keys first: a zone that is signed stays signed. A key that is not wanted any more is only put away: perhaps nobody else has it. */
async function putKeys(
  { zone, owner }: { readonly zone: string; readonly owner: string },
  keys: readonly ZoneKey[],
  reach: Reach,
): Promise<void> {
  const { api, signal } = reach;
  const path = `/zones/${zone}/cryptokeys`;
  const held = (await api.get(path, signal)) as readonly HeldKey[];
  const isWanted = ({ dnskey }: HeldKey): boolean => keys.some((key) => key.dnskey === dnskey);
  const missing = keys.filter((key) => !held.some(({ dnskey }) => dnskey === key.dnskey));
  for (const key of missing) await addKey(path, key, reach);
  if (missing.length > 0) await dropTwins(path, reach);
  if (held.some((key) => key.active && !isWanted(key))) {
    const staying = held.filter(isWanted).flatMap(({ ds = [] }) => ds);
    await mayLoseKeys({ zone, owner, staying }, reach);
  }
  for (const key of held) {
    const body = { active: isWanted(key), published: isWanted(key) };
    if (body.active !== key.active) await api.send('PUT', `${path}/${key.id}`, body, signal);
  }
}

/** What another agent may have added at the same moment: of several the first stays. */
async function dropTwins(path: string, { api, signal }: Reach): Promise<void> {
  const held = ((await api.get(path, signal)) as readonly HeldKey[]).toSorted((a, b) => a.id - b.id);
  const twins = held.filter(({ dnskey }, index) => held.findIndex((other) => other.dnskey === dnskey) < index);
  for (const { id } of twins) await api.send('DELETE', `${path}/${id}`, undefined, signal);
}

async function addKey(path: string, { dnskey, secret }: ZoneKey, { api, secrets, signal }: Reach): Promise<void> {
  const content = privateKey(await secrets?.read(secret.namespace, secret.name, signal), secret.name);
  const body = { keytype: 'csk', active: true, published: true, content };
  const added = (await api.send('POST', path, body, signal)) as HeldKey;
  if (added.dnskey === dnskey) return;
  await api.send('DELETE', `${path}/${added.id}`, undefined, signal);
  throw new RefusedError('KeyMismatch', `The private key in Secret ${secret.name} is not the one of its DNSKEY.`);
}

/** As BIND writes it. What is in the Secret is the tenant's to change: only the one form that we make is handed on. */
const keyFile = /^Private-key-format: v1\.2\nAlgorithm: 13 \(ECDSAP256SHA256\)\nPrivateKey: [A-Za-z0-9+/]{43}=\n$/;

function privateKey(secret: Readonly<Record<string, string>> | undefined, name: string): string {
  const text = secret?.['private'] ?? '';
  if (!keyFile.test(text)) throw new RefusedError('SecretNotFound', `Secret ${name} has no private key for the zone.`);
  return text;
}

async function deleteZone(zone: string, owner: string, reach: Reach): Promise<void> {
  const { api, signal } = reach;
  const listed = (await api.get(`/zones?zone=${zone}`, signal)) as readonly ListedZone[];
  // Another owner may have taken the name over since the plan was made.
  if (listed.length === 0 || parseMark(listed[0]?.account ?? '')?.owner !== owner) return;
  await api.send('DELETE', `/zones/${zone}`, undefined, signal);
  await changeCatalogs([listed[0]?.catalog ?? ''], reach);
}
