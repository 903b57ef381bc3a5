import { AwsV4Signer } from 'aws4fetch';
import { recordKey, type RecordChange } from '#schemas/meta/record-set.ts';
import { PostponedError } from '#runtime/base/errors.ts';
import type { ApiFailure } from '#runtime/drivers/dns-providers/api.ts';
import { PROVIDER_NAMES, type FoundSet, type Signing, type ZonePlace } from '#runtime/drivers/dns-providers/model.ts';
import { unrooted } from '#runtime/drivers/dns-providers/presentation.ts';
import type {
  Headers,
  Provider,
  Reach,
  SecretValues,
  UnsignedRequest,
} from '#runtime/drivers/dns-providers/provider.ts';
import { changeElement, nameOf, route53Types, setIn, type ChangeAction } from './records.ts';
import { document, element, elementsAt, parseXml, textAt, type Element } from './xml.ts';

/** API 2013-04-01 (docs.aws.amazon.com/Route53), in XML, signed by Signature Version 4. A request changes all that it names, or nothing. */
export const route53: Provider = {
  id: 'route53',
  name: PROVIDER_NAMES.route53,
  endpoint: 'https://route53.amazonaws.com',
  secretKeys: ['access-key-id', 'secret-access-key'],
  sign,
  failureOf,
  // Five in a second for a whole account.
  pace: { burst: 5, perSecond: 4 },
  takes: (type) => route53Types.has(type),
  ttlSeconds: { least: 0, most: 2_147_483_647 },
  place,
  read,
  change,
};

const version = '/2013-04-01';
const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/';

async function sign({ method, url, body }: UnsignedRequest, secret: SecretValues): Promise<Headers> {
  const token = secret['session-token'];
  const signer = new AwsV4Signer({
    method,
    url: url.toString(),
    ...(body === undefined ? {} : { body }),
    accessKeyId: secret['access-key-id'] ?? '',
    secretAccessKey: secret['secret-access-key'] ?? '',
    ...(token === undefined ? {} : { sessionToken: token }),
    service: 'route53',
    // Wherever it is asked from.
    region: 'us-east-1',
  });
  const { headers } = await signer.sign();
  return Object.fromEntries(headers.entries());
}

const kinds: Readonly<Record<string, ApiFailure['kind']>> = {
  NoSuchHostedZone: 'missing',
  PriorRequestNotComplete: 'busy',
  ServiceUnavailable: 'busy',
  Throttling: 'limited',
  ThrottlingException: 'limited',
};

/** Somebody was faster: the set is there already, is gone, or is another one. */
const stale = /but it already exists|but it was not found|do not match the current values/;

function failureOf({ status, body }: { readonly status: number; readonly body: string }): ApiFailure | undefined {
  if (!body.startsWith('<')) return undefined;
  const answer = parseXml(body);
  const refusals = [...elementsAt(answer, 'Messages', 'Message'), ...elementsAt(answer, 'Error', 'Message')].map(
    ({ text }) => text,
  );
  const message = refusals.join(' ');
  const kind = kinds[textAt(answer, 'Error', 'Code')];
  if (kind !== undefined) return { kind, message };
  if (stale.test(message)) return { kind: 'stale', message };
  if (status === 403) return { kind: 'unauthorized', message };
  return { kind: status >= 500 ? 'busy' : 'refused', message };
}

async function place(reach: Reach, zoneId: string | undefined): Promise<ZonePlace> {
  const { api, zone } = reach;
  const id = zoneId ?? (await idOf(reach));
  const text = await api.ask('GET', `${version}/hostedzone/${id}`);
  const found = text === undefined ? undefined : parseXml(text);
  if (found === undefined || nameOf(textAt(found, 'HostedZone', 'Name')) !== zone) throw notFound(zone);
  const servers = elementsAt(found, 'DelegationSet', 'NameServers', 'NameServer');
  return { id, nameservers: servers.map((server) => unrooted(server.text)), signing: await signingOf(api, id) };
}

function notFound(zone: string): PostponedError {
  const message = `Route 53 has no public hosted zone ${unrooted(zone)} that the key may see: make it there, or take a key of the account that has it`;
  return new PostponedError('ZoneNotFound', message);
}

async function idOf({ api, zone }: Reach): Promise<string> {
  const text = await api.ask('GET', `${version}/hostedzonesbyname?dnsname=${encodeURIComponent(zone)}&maxitems=100`);
  const listed = text === undefined ? [] : elementsAt(parseXml(text), 'HostedZones', 'HostedZone');
  const ids = listed
    .filter((each) => nameOf(textAt(each, 'Name')) === zone && textAt(each, 'Config', 'PrivateZone') !== 'true')
    .map((each) => textAt(each, 'Id').replace(/^\/hostedzone\//, ''));
  const [id] = ids;
  if (id === undefined) throw notFound(zone);
  if (ids.length === 1) return id;
  const message = `Route 53 has several public hosted zones ${unrooted(zone)} (${ids.join(', ')}): name the one that is meant in spec.provider.route53.hostedZoneID`;
  throw new PostponedError('ZoneNotFound', message);
}

async function signingOf(api: Reach['api'], id: string): Promise<Signing> {
  try {
    const text = await api.ask('GET', `${version}/hostedzone/${id}/dnssec`);
    if (text === undefined) return { state: 'Unknown' };
    const found = parseXml(text);
    if (textAt(found, 'Status', 'ServeSignature') !== 'SIGNING') return { state: 'NotSigned' };
    const ds = elementsAt(found, 'KeySigningKeys', 'member', 'DSRecord').map((record) => record.text.toLowerCase());
    return { state: 'Signed', ds };
  } catch (err) {
    // To tell that is a right of its own.
    if (err instanceof PostponedError && err.reason === 'TokenRefused') return { state: 'Unknown' };
    throw err;
  }
}

async function read({ api }: Reach, { id }: ZonePlace): Promise<ReadonlyMap<string, FoundSet>> {
  const sets = new Map<string, FoundSet>();
  for (let from: URLSearchParams | undefined = new URLSearchParams({ maxitems: '300' }); from !== undefined;) {
    const text: string | undefined = await api.ask('GET', `${version}/hostedzone/${id}/rrset?${from.toString()}`);
    const page: Element = parseXml(text ?? '<ListResourceRecordSetsResponse/>');
    for (const found of elementsAt(page, 'ResourceRecordSets', 'ResourceRecordSet')) sets.set(...setIn(found));
    from = nextOf(page);
  }
  return sets;
}

function nextOf(page: Element): URLSearchParams | undefined {
  if (textAt(page, 'IsTruncated') !== 'true') return undefined;
  const identifier = textAt(page, 'NextRecordIdentifier');
  return new URLSearchParams({
    maxitems: '300',
    name: textAt(page, 'NextRecordName'),
    type: textAt(page, 'NextRecordType'),
    ...(identifier === '' ? {} : { identifier }),
  });
}

/** Half of what a request may hold: records, and characters of their values; what is overwritten counts twice. */
const mostRecords = 500;
const mostCharacters = 16_000;

interface OneChange {
  readonly action: ChangeAction;
  readonly change: RecordChange;
  readonly set: FoundSet;
}

async function change(
  { api }: Reach,
  { place: { id }, changes, sets }: Parameters<Provider['change']>[1],
): Promise<ReadonlyMap<string, FoundSet>> {
  const after = new Map(sets);
  for (const batch of batchesOf(changes, sets)) {
    const all = batch.map((each) => changeElement(each.action, each.change, each.set));
    const content = element('ChangeBatch', element('Changes', ...all));
    const text = document('ChangeResourceRecordSetsRequest', namespace, content);
    const answer = await api.ask('POST', `${version}/hostedzone/${id}/rrset/`, { type: 'application/xml', text });
    if (answer === undefined)
      throw new PostponedError('StaleLook', 'Route 53 has the hosted zone no longer; it is looked for again');
    for (const {
      action,
      change: { name, type },
      set,
    } of batch) {
      if (action === 'DELETE') after.delete(recordKey(name, type));
      else after.set(recordKey(name, type), set);
    }
  }
  return after;
}

/** What belongs to one name goes at once. */
function batchesOf(
  changes: readonly RecordChange[],
  sets: ReadonlyMap<string, FoundSet>,
): readonly (readonly OneChange[])[] {
  const batches: OneChange[][] = [];
  let [records, characters] = [mostRecords, mostCharacters];
  for (const group of Map.groupBy(changes, ({ name }) => name).values()) {
    const all = group.flatMap((each) => oneChange(each, sets.get(recordKey(each.name, each.type))));
    const weight = all.flatMap(({ action, set }) =>
      action === 'UPSERT' ? [...set.contents, ...set.contents] : set.contents,
    );
    const length = weight.join('').length;
    if (records + weight.length > mostRecords || characters + length > mostCharacters) {
      batches.push([]);
      [records, characters] = [0, 0];
    }
    batches.at(-1)?.push(...all);
    records += weight.length;
    characters += length;
  }
  return batches.filter((batch) => batch.length > 0);
}

function oneChange(change: RecordChange, found: FoundSet | undefined): readonly OneChange[] {
  const { set } = change;
  if (set === undefined) return found === undefined ? [] : [{ action: 'DELETE', change, set: found }];
  return [{ action: found === undefined ? 'CREATE' : 'UPSERT', change, set }];
}
