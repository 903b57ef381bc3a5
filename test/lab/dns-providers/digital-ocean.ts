import { isIP } from 'node:net';
import type { Test } from 'tap';
import { contentOfPresented, textOf, wordsOf } from '#runtime/drivers/dns-providers/presentation.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import type { LabProvider } from './lab-provider.ts';
import { json, startLabProvider, type Answered, type Asked } from './server.ts';

const token = 'do-token-that-nobody-may-see';
const nameservers = ['ns1.digitalocean.com', 'ns2.digitalocean.com', 'ns3.digitalocean.com'];

interface Stored {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly data: string;
  readonly ttl: number;
  readonly priority: number | null;
  readonly port: number | null;
  readonly weight: number | null;
  readonly flags: number | null;
  readonly tag: string | null;
}

const empty = { priority: null, port: null, weight: null, flags: null, tag: null };
const withNames: readonly string[] = ['CNAME', 'MX', 'NS', 'SRV'];

/** Answers of API v2: single records with numbers, pages with links, names that are taken with a dot and shown without. */
export async function startDigitalOcean(t: Test): Promise<LabProvider> {
  let zone: string | undefined = 'acme.example.';
  let records: readonly Stored[] = [];
  let lastId = 28_448_400;
  const write = (id: number, body: Partial<Stored>, status: number): Answered => {
    const record = { ...empty, ttl: 1800, type: '', name: '', data: '', ...body, id };
    const others = records.filter((other) => other.id !== id);
    const refusal = refusalOf(record, others);
    if (refusal !== undefined) return refusal;
    const stored = { ...record, data: shownData(record, zone ?? '') };
    records = [...others, stored];
    return json(status, { domain_record: stored });
  };
  const ofRecord = (asked: Asked, id: number): Answered => {
    const found = records.find((record) => record.id === id);
    if (found === undefined) return failure(404, 'not_found', 'The resource you requested could not be found.');
    if (asked.method === 'PUT') return write(id, JSON.parse(asked.body) as Partial<Stored>, 200);
    records = records.filter((record) => record.id !== id);
    return { status: 204, body: '' };
  };
  const answer = (asked: Asked): Answered => {
    if (asked.headers.authorization !== `Bearer ${token}`)
      return failure(401, 'Unauthorized', 'Unable to authenticate you');
    const [, name = '', rest = ''] = /^\/domains\/([^/]+)(.*)$/.exec(asked.path) ?? [];
    if (`${name}.` !== zone) return failure(404, 'not_found', 'The resource you requested could not be found.');
    if (rest === '') return json(200, { domain: { name, ttl: 1800, zone_file: '' } });
    if (rest !== '/records') return ofRecord(asked, Number(rest.slice('/records/'.length)));
    if (asked.method === 'GET') return listed(records, asked.query);
    return write((lastId += 1), JSON.parse(asked.body) as Partial<Stored>, 201);
  };
  const server = await startLabProvider(t, '/v2', answer);
  const of = (name: string, type: string) =>
    records.filter((record) => recordKey(wholeName(record.name, zone ?? ''), record.type) === recordKey(name, type));
  return {
    ...server,
    id: 'digitalOcean',
    secret: { token },
    nameservers,
    name: () => zone,
    setZone: (name) => {
      zone = name;
      records = [];
    },
    answered: (name, type) =>
      of(name, type)
        .map((record) => contentIn(record, zone ?? ''))
        .toSorted(),
    keys: () => [...new Set(records.map(({ name, type }) => recordKey(wholeName(name, zone ?? ''), type)))].toSorted(),
    byHand: (name, type, contents) => {
      const gone = of(name, type);
      const short = name === zone ? '@' : name.slice(0, -(zone ?? '').length - 1);
      const made = contents.map((content) => ({
        ...empty,
        id: (lastId += 1),
        type,
        name: short,
        ttl: 300,
        data: type === 'TXT' ? textOf(content) : (wordsOf(content).at(-1) ?? ''),
      }));
      records = [...records.filter((record) => !gone.includes(record)), ...made];
    },
    limit: (seconds, nowMs) => ({
      ...failure(429, 'too_many_requests', 'API Rate limit exceeded.'),
      headers: {
        'ratelimit-limit': '5000',
        'ratelimit-remaining': '0',
        'ratelimit-reset': String(Math.ceil(nowMs / 1_000) + seconds),
      },
    }),
  };
}

/** A zone file's reading of a record, by the provider's own rules. */
function contentIn({ type, data, priority, weight, port, flags, tag }: Stored, zone: string): string {
  const target = data === '@' ? zone : data;
  const words: Readonly<Record<string, string>> = {
    MX: `${priority} ${target}`,
    SRV: `${priority} ${weight} ${port} ${target}`,
    CAA: `${flags} ${tag} "${data}"`,
  };
  return (type === 'TXT' ? contentOf('TXT', data) : contentOfPresented(type, words[type] ?? target)) ?? data;
}

function shownData({ type, data }: Stored, zone: string): string {
  if (withNames.includes(type) && data === zone) return '@';
  return [...withNames, 'CAA'].includes(type) && data.length > 1 ? data.replace(/\.$/, '') : data;
}

function listed(records: readonly Stored[], query: URLSearchParams): Answered {
  const perPage = Math.min(Number(query.get('per_page') ?? 20), 200);
  const page = Number(query.get('page') ?? 1);
  const last = Math.max(1, Math.ceil(records.length / perPage));
  const link = (to: number): string =>
    `https://api.digitalocean.com/v2/domains/x/records?page=${to}&per_page=${perPage}`;
  return json(200, {
    domain_records: records.slice((page - 1) * perPage, page * perPage),
    links: page < last ? { pages: { next: link(page + 1), last: link(last) } } : {},
    meta: { total: records.length },
  });
}

function refusalOf(record: Stored, others: readonly Stored[]): Answered | undefined {
  const refuse = (message: string): Answered => failure(422, 'unprocessable_entity', message);
  if (record.ttl < 30) return refuse('TTL must be greater than or equal to 30.');
  if (withNames.includes(record.type) && !record.data.endsWith('.') && record.data !== '@')
    return refuse('Data needs to end with a dot (.)');
  if (record.type === 'CAA' && record.tag !== 'iodef' && !record.data.endsWith('.'))
    return refuse('Data needs to end with a dot (.)');
  if (record.type === 'A' && isIP(record.data) !== 4)
    return refuse('IP address did not match IPv4 format (e.g. 127.0.0.1).');
  const beside = others.filter(({ name }) => name === record.name);
  if (beside.some(({ type }) => type === 'CNAME' || record.type === 'CNAME'))
    return refuse('CNAME records cannot share a name with other records.');
  return undefined;
}

function failure(status: number, id: string, message: string): Answered {
  return json(status, { id, message, request_id: '4d9d8375-3c56-4925-a3e7-eb137fed17e9' });
}
