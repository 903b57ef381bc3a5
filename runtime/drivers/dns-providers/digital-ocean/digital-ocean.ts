import { wholeName, contentOf } from '#schemas/meta/record-content.ts';
import { PostponedError } from '#runtime/base/errors.ts';
import type { ApiFailure } from '#runtime/drivers/dns-providers/api.ts';
import { failureIn, jsonContent, jsonIn } from '#runtime/drivers/dns-providers/json.ts';
import { PROVIDER_NAMES, type FoundSet, type ZonePlace } from '#runtime/drivers/dns-providers/model.ts';
import { contentOfPresented, nameIn, textOf, unrooted, wordsOf } from '#runtime/drivers/dns-providers/presentation.ts';
import type { Provider, Reach } from '#runtime/drivers/dns-providers/provider.ts';
import {
  afterSteps,
  recordSteps,
  setsOf,
  type KnownRecord,
  type OneRecord,
  type RecordSteps,
} from '#runtime/drivers/dns-providers/record-steps.ts';
import { byToken } from '#runtime/drivers/dns-providers/token.ts';

const types: ReadonlySet<string> = new Set(['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'SRV', 'TXT']);
const nameservers = ['ns1.digitalocean.com', 'ns2.digitalocean.com', 'ns3.digitalocean.com'];

/** API v2 (docs.digitalocean.com). It knows single records, has no batches, and writes names without the dot that it wants at their end. */
export const digitalOcean: Provider = {
  id: 'digitalOcean',
  name: PROVIDER_NAMES.digitalOcean,
  endpoint: 'https://api.digitalocean.com/v2',
  ...byToken,
  failureOf,
  // 5,000 in an hour, and 250 in a minute.
  pace: { burst: 200, perSecond: 1.3 },
  takes: (type) => types.has(type),
  ttlSeconds: { least: 30, most: 2_147_483_647 },
  place,
  read,
  change,
};

interface Problem {
  readonly id: string;
  readonly message: string;
}

const kinds: Readonly<Record<string, ApiFailure['kind']>> = {
  forbidden: 'unauthorized',
  not_found: 'missing',
  too_many_requests: 'limited',
  unauthorized: 'unauthorized',
  unprocessable_entity: 'refused',
};

function failureOf({ body }: { readonly body: string }): ApiFailure | undefined {
  const { id = '', message = '' } = failureIn<Problem>(body);
  const kind = kinds[id.toLowerCase()];
  return kind === undefined ? undefined : { kind, message: `${message} (${id})` };
}

async function place({ api, zone }: Reach): Promise<ZonePlace> {
  const name = unrooted(zone);
  const answer = jsonIn(await api.ask('GET', `/domains/${name}`));
  if (answer === undefined)
    throw new PostponedError(
      'ZoneNotFound',
      `DigitalOcean has no domain ${name} that the token may see: add it there, or take a token of the team that has it`,
    );
  return { id: name, nameservers, signing: { state: 'Unsupported' } };
}

interface DomainRecord {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly data: string;
  readonly ttl: number;
  readonly priority?: number | null;
  readonly port?: number | null;
  readonly weight?: number | null;
  readonly flags?: number | null;
  readonly tag?: string | null;
}

interface Page {
  readonly domain_records: readonly DomainRecord[];
  readonly links?: { readonly pages?: { readonly next?: string } };
}

async function read({ api, zone }: Reach, { id }: ZonePlace): Promise<ReadonlyMap<string, FoundSet>> {
  const records: DomainRecord[] = [];
  for (let page = 1, isLast = false; !isLast; page += 1) {
    const answer = jsonIn<Page>(await api.ask('GET', `/domains/${id}/records?per_page=200&page=${page}`));
    records.push(...(answer?.domain_records ?? []));
    isLast = answer?.links?.pages?.next === undefined;
  }
  return setsOf(records.map((record) => recordOf(record, zone)));
}

function recordOf(record: DomainRecord, zone: string): KnownRecord & { readonly isForeign?: boolean } {
  const content = contentIn(record, zone);
  return {
    id: String(record.id),
    name: wholeName(record.name, zone),
    type: record.type,
    ttlSeconds: record.ttl,
    content: content ?? record.data,
    ...(content === undefined ? { isForeign: true } : {}),
  };
}

function contentIn({ type, data, ...parts }: DomainRecord, zone: string): string | undefined {
  const target = data === '@' ? zone : data;
  const number = (value: number | null | undefined): string => String(value ?? 0);
  switch (type) {
    case 'TXT':
      return contentOf('TXT', data);
    case 'MX':
      return contentOfPresented(type, `${number(parts.priority)} ${target}`);
    case 'SRV':
      return contentOfPresented(type, [...[parts.priority, parts.weight, parts.port].map(number), target].join(' '));
    case 'CAA':
      return contentOfPresented(type, `${number(parts.flags)} ${parts.tag ?? ''} "${unrooted(data)}"`);
    default:
      return contentOfPresented(type, target);
  }
}

type Body = Omit<DomainRecord, 'id'>;

function bodyOf({ name, type, ttlSeconds: ttl, content }: OneRecord, zone: string): Body {
  const shared = { type, name: nameIn(zone, name), ttl };
  const words = wordsOf(content);
  const last = words.at(-1) ?? '';
  switch (type) {
    case 'TXT':
      return { ...shared, data: textOf(content) };
    case 'MX':
      return { ...shared, priority: Number(words[0]), data: last };
    case 'SRV':
      return { ...shared, priority: Number(words[0]), weight: Number(words[1]), port: Number(words[2]), data: last };
    case 'CAA':
      return { ...shared, flags: Number(words[0]), tag: words[1] ?? '', data: caaData(last) };
    default:
      return { ...shared, data: content };
  }
}

/** Names of CAs are to end with a dot there. */
function caaData(value: string): string {
  return /^[a-z0-9.-]+$/.test(value) && !value.endsWith('.') ? `${value}.` : value;
}

async function change(
  reach: Reach,
  { place: { id }, changes, sets }: Parameters<Provider['change']>[1],
): Promise<ReadonlyMap<string, FoundSet>> {
  let after = sets;
  // What belongs to one name is done at once, so that between an address and the CNAME that follows it is as little as can be.
  for (const group of Map.groupBy(changes, ({ name }) => name).values()) {
    const steps = recordSteps(group, sets);
    after = afterSteps(after, steps, await carryOut(reach, id, steps));
  }
  return after;
}

async function carryOut(
  { api, zone }: Reach,
  domain: string,
  { deletes, updates, creates }: RecordSteps,
): Promise<readonly KnownRecord[]> {
  const path = `/domains/${domain}/records`;
  // Who is gone already needs not go.
  for (const { id } of deletes) await api.ask('DELETE', `${path}/${id}`);
  for (const record of updates) there(await api.ask('PUT', `${path}/${record.id}`, jsonContent(bodyOf(record, zone))));
  const made: KnownRecord[] = [];
  for (const record of creates) {
    const text = there(await api.ask('POST', path, jsonContent(bodyOf(record, zone))));
    const id = jsonIn<{ readonly domain_record: DomainRecord }>(text)?.domain_record.id;
    made.push({ ...record, id: String(id) });
  }
  return made;
}

function there(text: string | undefined): string {
  if (text !== undefined) return text;
  throw new PostponedError('StaleLook', 'DigitalOcean has the record, or the domain, no longer; it is looked at again');
}
