import { AwsV4Signer } from 'aws4fetch';
import type { Test } from 'tap';
import { contentOfPresented } from '#runtime/drivers/dns-providers/presentation.ts';
import { inDecimal, inOctal, nameOf } from '#runtime/drivers/dns-providers/route53/records.ts';
import { elementsAt, parseXml, textAt, type Element } from '#runtime/drivers/dns-providers/route53/xml.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import type { LabProvider } from './lab-provider.ts';
import { startLabProvider, type Answered, type Asked } from './server.ts';

const secret = { 'access-key-id': 'AKIDEXAMPLE', 'secret-access-key': 'aws-key-that-nobody-may-see' };
const zoneId = 'Z1PA6795UKMFR9';
const nameservers = ['ns-1.awsdns.example', 'ns-2.awsdns.example'];
const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/';
const perPage = 100;
const mostRecords = 1_000;
const mostCharacters = 32_000;

interface Stored {
  readonly ttl: number;
  readonly values: readonly string[];
}

/** Answers of API 2013-04-01: XML, names with numbers for letters, pages by the next name, change batches that are carried out as a whole, signatures that are checked. */
export async function startRoute53(t: Test): Promise<LabProvider> {
  let zone: string | undefined = 'acme.example.';
  let sets: ReadonlyMap<string, Stored> = new Map();
  const answer = async (asked: Asked): Promise<Answered> => {
    if (!(await isSigned(asked)))
      return failure(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided.',
      );
    const path = asked.path.replace('/2013-04-01/', '');
    if (path === 'hostedzonesbyname') return zonesByName(zone);
    if (zone === undefined || !path.startsWith(`hostedzone/${zoneId}`))
      return failure(404, 'NoSuchHostedZone', 'No hosted zone found with ID: Z');
    if (path.endsWith('/dnssec'))
      return failure(403, 'AccessDenied', 'User is not authorized to perform: route53:GetDNSSEC');
    if (!path.includes('/rrset')) return theZone(zone);
    if (asked.method === 'GET') return listed(sets, asked.query);
    const done = changed(sets, parseXml(asked.body));
    if ('status' in done) return done;
    ({ sets } = done);
    return xml(
      200,
      `<ChangeResourceRecordSetsResponse xmlns="${namespace}"><ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00.000Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>`,
    );
  };
  const server = await startLabProvider(t, '', answer);
  return {
    ...server,
    id: 'route53',
    secret,
    nameservers,
    name: () => zone,
    setZone: (name) => {
      zone = name;
      sets = new Map();
    },
    answered: (name, type) =>
      (sets.get(recordKey(name, type))?.values ?? [])
        .map((value) => contentOfPresented(type, inDecimal(value)) ?? value)
        .toSorted(),
    keys: () => [...sets.keys()].toSorted(),
    byHand: (name, type, contents) => {
      const after = new Map(sets);
      if (contents.length === 0) after.delete(recordKey(name, type));
      else after.set(recordKey(name, type), { ttl: 300, values: contents.map(inOctal) });
      sets = after;
    },
    limit: () => failure(400, 'Throttling', 'Rate exceeded'),
  };
}

/** Signed by our key, over what has come. */
async function isSigned({ method, path, query, headers, body }: Asked): Promise<boolean> {
  const [, signed = ''] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? [];
  const used = Object.fromEntries(signed.split(';').map((name) => [name, String(headers[name] ?? '')]));
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  const signer = new AwsV4Signer({
    method,
    url: `http://${headers.host ?? ''}${path}${search}`,
    headers: used,
    ...(body === '' ? {} : { body }),
    accessKeyId: secret['access-key-id'],
    secretAccessKey: secret['secret-access-key'],
    service: 'route53',
    region: 'us-east-1',
    datetime: String(headers['x-amz-date']),
    allHeaders: true,
  });
  const again = await signer.sign();
  const signatureOf = (text: string | null | undefined): string | undefined => /Signature=(\w+)/.exec(text ?? '')?.[1];
  return signatureOf(again.headers.get('authorization')) === signatureOf(headers.authorization);
}

function zonesByName(zone: string | undefined): Answered {
  const zones = zone === undefined ? '' : hostedZone('Z2PRIVATE', zone, true) + hostedZone(zoneId, zone, false);
  return xml(
    200,
    `<ListHostedZonesByNameResponse xmlns="${namespace}"><HostedZones>${zones}</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>`,
  );
}

function hostedZone(id: string, name: string, isPrivate: boolean): string {
  return `<HostedZone><Id>/hostedzone/${id}</Id><Name>${name}</Name><CallerReference>2026</CallerReference><Config><PrivateZone>${isPrivate}</PrivateZone></Config><ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>`;
}

function theZone(zone: string): Answered {
  const servers = nameservers.map((name) => `<NameServer>${name}</NameServer>`).join('');
  return xml(
    200,
    `<GetHostedZoneResponse xmlns="${namespace}">${hostedZone(zoneId, zone, false)}<DelegationSet><NameServers>${servers}</NameServers></DelegationSet></GetHostedZoneResponse>`,
  );
}

function listed(sets: ReadonlyMap<string, Stored>, query: URLSearchParams): Answered {
  const keys = [...sets.keys()].toSorted();
  const from = keys.findIndex(
    (key) => query.get('name') === null || key === `${nameOf(query.get('name') ?? '')} ${query.get('type') ?? ''}`,
  );
  const page = keys.slice(Math.max(from, 0), Math.max(from, 0) + perPage);
  const next = keys[Math.max(from, 0) + perPage];
  const all = page.map((key) => shown(key, sets.get(key) ?? { ttl: 0, values: [] })).join('');
  const [name = '', type = ''] = next?.split(' ') ?? [];
  const more =
    next === undefined
      ? ''
      : `<NextRecordName>${inNumbers(name)}</NextRecordName><NextRecordType>${type}</NextRecordType>`;
  return xml(
    200,
    `<ListResourceRecordSetsResponse xmlns="${namespace}"><ResourceRecordSets>${all}</ResourceRecordSets><IsTruncated>${next !== undefined}</IsTruncated>${more}<MaxItems>${perPage}</MaxItems></ListResourceRecordSetsResponse>`,
  );
}

function shown(key: string, { ttl, values }: Stored): string {
  const [name = '', type = ''] = key.split(' ');
  const records = values.map((value) => `<ResourceRecord><Value>${escaped(value)}</Value></ResourceRecord>`).join('');
  return `<ResourceRecordSet><Name>${inNumbers(name)}</Name><Type>${type}</Type><TTL>${ttl}</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet>`;
}

function inNumbers(name: string): string {
  return name.replaceAll('*', '\\052');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** All of it, or nothing. */
function changed(before: ReadonlyMap<string, Stored>, request: Element) {
  const sets = new Map(before);
  const messages: string[] = [];
  const changes = elementsAt(request, 'ChangeBatch', 'Changes', 'Change');
  let records = 0;
  let characters = 0;
  for (const change of changes) {
    const action = textAt(change, 'Action');
    const [set = change] = elementsAt(change, 'ResourceRecordSet');
    const key = recordKey(nameOf(textAt(set, 'Name')), textAt(set, 'Type'));
    const values = elementsAt(set, 'ResourceRecords', 'ResourceRecord', 'Value').map(({ text }) => text);
    const stored = { ttl: Number(textAt(set, 'TTL')), values };
    records += values.length * (action === 'UPSERT' ? 2 : 1);
    characters += values.join('').length * (action === 'UPSERT' ? 2 : 1);
    const message = refusalOf({ action, key, stored }, sets);
    if (message !== undefined) messages.push(message);
    if (action === 'DELETE') sets.delete(key);
    else sets.set(key, stored);
  }
  if (records > mostRecords || characters > mostCharacters) messages.push('Number of records limit of 1000 exceeded.');
  if (messages.length === 0) return { sets };
  const all = messages.map((message) => `<Message>${escaped(message)}</Message>`).join('');
  return xml(
    400,
    `<?xml version="1.0"?>\n<InvalidChangeBatch xmlns="${namespace}"><Messages>${all}</Messages><RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId></InvalidChangeBatch>`,
  );
}

function refusalOf(
  { action, key, stored }: { readonly action: string; readonly key: string; readonly stored: Stored },
  sets: ReadonlyMap<string, Stored>,
): string | undefined {
  const [name = '', type = ''] = key.split(' ');
  const found = sets.get(key);
  const words = `Tried to ${action.toLowerCase()} resource record set [name='${inNumbers(name)}', type='${type}']`;
  if (action === 'CREATE' && found !== undefined) return `${words} but it already exists`;
  if (action === 'DELETE' && found === undefined) return `${words} but it was not found`;
  if (action === 'DELETE')
    return isSame(stored, found) ? undefined : `${words} but the values provided do not match the current values`;
  if (stored.values.some((value) => contentOfPresented(type, inDecimal(value)) === undefined))
    return `Invalid Resource Record: FATAL problem: InvalidValue encountered with '${stored.values.join(' ')}'`;
  const isTaken = [...sets.keys()].some(
    (other) => other.startsWith(`${name} `) && other !== key && (type === 'CNAME' || other.endsWith(' CNAME')),
  );
  return isTaken
    ? `RRSet of type ${type} with DNS name ${name} is not permitted as it conflicts with other records`
    : undefined;
}

function isSame(one: Stored, other: Stored | undefined): boolean {
  return one.ttl === other?.ttl && one.values.toSorted().join('\n') === other.values.toSorted().join('\n');
}

function failure(
  status: number,
  code: string,
  message: string,
): Answered & { readonly headers: Readonly<Record<string, string>> } {
  const text = `<?xml version="1.0"?>\n<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>b25f48e8</RequestId></ErrorResponse>`;
  return { status, headers: { 'content-type': 'text/xml' }, body: text };
}

function xml(status: number, body: string): Answered {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
