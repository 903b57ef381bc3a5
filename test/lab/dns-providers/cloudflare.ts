import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { contentOfPresented } from '#runtime/drivers/dns-providers/presentation.ts';
import { recordOf, bodyOf, type CloudflareRecord } from '#runtime/drivers/dns-providers/cloudflare/records.ts';
import type { LabProvider } from './lab-provider.ts';
import { json, startLabProvider, type Answered, type Asked } from './server.ts';

const token = 'cf-token-that-nobody-may-see';
const zoneId = '023e105f4ecef8ad9ca31a8372d0c353';
const nameservers = ['ada.ns.cloudflare.example', 'bob.ns.cloudflare.example'];
const mostPerBatch = 200;

type Stored = { -readonly [K in keyof CloudflareRecord]: CloudflareRecord[K] };

interface Batch {
  readonly deletes?: readonly { readonly id: string }[];
  readonly puts?: readonly Stored[];
  readonly posts?: readonly Omit<Stored, 'id'>[];
}

/** Answers of API v4: envelopes with `result_info`, errors with numbers, batches that are carried out as a whole. */
export async function startCloudflare(t: Test): Promise<LabProvider> {
  let zone: string | undefined = 'acme.example.';
  let records: readonly Stored[] = [];
  const answer = (asked: Asked): Answered => {
    if (asked.headers.authorization !== `Bearer ${token}`) return failure(403, 10_000, 'Authentication error');
    const found = zone === undefined ? [] : [aZone(zone)];
    if (asked.path === '/zones') {
      const named = found.filter(({ name }) => name === asked.query.get('name'));
      return success(named, pageInfo(named.length, 1, 20));
    }
    if (!asked.path.startsWith(`/zones/${zoneId}/`) || zone === undefined)
      return failure(404, 7003, 'Could not route to that zone, perhaps your object identifier is invalid?');
    switch (`${asked.method} ${asked.path.slice(`/zones/${zoneId}/`.length)}`) {
      case 'GET dnssec':
        return success({
          status: 'active',
          flags: 257,
          algorithm: '13',
          key_tag: 2371,
          digest_type: '2',
          digest: 'C0'.repeat(32),
        });
      case 'GET dns_records':
        return listed(records, asked.query);
      case 'POST dns_records/batch': {
        const done = batched(records, JSON.parse(asked.body) as Batch);
        if ('status' in done) return done;
        records = done.records;
        return success({ deletes: done.deletes, patches: null, puts: done.puts, posts: done.posts });
      }
      default:
        return failure(405, 10_405, 'Method not allowed');
    }
  };
  const server = await startLabProvider(t, '/client/v4', answer);
  const of = (name: string, type: string) =>
    records
      .map((record) => recordOf(record, zone ?? ''))
      .filter((record) => record.name === name && record.type === type);
  return {
    ...server,
    id: 'cloudflare',
    secret: { token },
    nameservers,
    name: () => zone,
    setZone: (name) => {
      zone = name;
      records = [];
    },
    answered: (name, type) =>
      of(name, type)
        .map(({ content }) => content)
        .toSorted(),
    keys: () =>
      [
        ...new Set(records.map((record) => recordOf(record, zone ?? '')).map(({ name, type }) => `${name} ${type}`)),
      ].toSorted(),
    byHand: (name, type, contents) => {
      const gone = new Set(of(name, type).map(({ id }) => id));
      const made = contents.map((content) => stored({ ...bodyOf({ name, type, ttlSeconds: 300, content }) }));
      records = [...records.filter(({ id }) => !gone.has(id)), ...made];
    },
    limit: (seconds) => ({ ...failure(429, 10_429, 'Rate limited'), headers: { 'retry-after': String(seconds) } }),
  };
}

function aZone(zone: string) {
  return {
    id: zoneId,
    name: zone.slice(0, -1),
    status: 'active',
    paused: false,
    type: 'full',
    name_servers: nameservers,
  };
}

function listed(records: readonly Stored[], query: URLSearchParams): Answered {
  const perPage = Math.min(Number(query.get('per_page') ?? 100), 100);
  const page = Number(query.get('page') ?? 1);
  const result = records.slice((page - 1) * perPage, page * perPage).map(shown);
  return success(result, pageInfo(records.length, page, perPage));
}

function pageInfo(total: number, page: number, perPage: number) {
  return {
    page,
    per_page: perPage,
    count: total,
    total_count: total,
    total_pages: Math.max(1, Math.ceil(total / perPage)),
  };
}

function shown(record: Stored) {
  return {
    ...record,
    proxiable: false,
    settings: {},
    meta: {},
    comment: null,
    tags: [],
    created_on: '2026-01-01T00:00:00Z',
  };
}

/** All of it, or nothing: deletes first, then what is overwritten, then what is new. */
function batched(before: readonly Stored[], { deletes = [], puts = [], posts = [] }: Batch) {
  const all = [...deletes, ...puts, ...posts];
  if (all.length > mostPerBatch) return failure(400, 81_105, `A batch has at most ${mostPerBatch} operations.`);
  const known = new Map(before.map((record) => [record.id, record]));
  const gone: Stored[] = [];
  for (const { id } of deletes) {
    const record = known.get(id);
    if (record === undefined) return failure(404, 81_044, 'Record does not exist.');
    gone.push(record);
    known.delete(id);
  }
  const written: Stored[] = [];
  for (const put of [...puts, ...posts.map(stored)]) {
    if (puts.some(({ id }) => id === put.id) && !known.has(put.id))
      return failure(404, 81_044, 'Record does not exist.');
    known.delete(put.id);
    const refusal = refusalOf(put, [...known.values()]);
    if (refusal !== undefined) return refusal;
    known.set(put.id, put);
    written.push(put);
  }
  const isPut = ({ id }: Stored): boolean => puts.some((put) => put.id === id);
  return {
    records: [...known.values()],
    deletes: gone.map(shown),
    puts: written.filter(isPut).map(shown),
    posts: written.filter((record) => !isPut(record)).map(shown),
  };
}

function stored(record: Omit<Stored, 'id'>): Stored {
  return { ...record, id: randomBytes(16).toString('hex') };
}

function refusalOf(record: Stored, others: readonly Stored[]): Answered | undefined {
  if (record.ttl !== 1 && (record.ttl < 60 || record.ttl > 86_400))
    return failure(400, 9_021, 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.');
  const { content } = recordOf(record, '');
  if (contentOfPresented(record.type, content) === undefined)
    return failure(400, 1_004, 'DNS Validation Error', [
      { code: 9_005, message: `Content for ${record.type} record is invalid.` },
    ]);
  const beside = others.filter(({ name }) => name === record.name);
  if (beside.some((other) => other.type === record.type && recordOf(other, '').content === content))
    return failure(400, 81_058, 'An identical record already exists.');
  const addresses = ['A', 'AAAA', 'CNAME'];
  const isTaken = beside.some(({ type }) =>
    record.type === 'CNAME' ? addresses.includes(type) : type === 'CNAME' && addresses.includes(record.type),
  );
  if (isTaken) return failure(400, 81_053, 'An A, AAAA, or CNAME record with that host already exists.');
  return undefined;
}

function success(result: unknown, result_info?: unknown): Answered {
  return json(200, {
    result,
    success: true,
    errors: [],
    messages: [],
    ...(result_info === undefined ? {} : { result_info }),
  });
}

function failure(status: number, code: number, message: string, error_chain?: readonly unknown[]): Answered {
  const error = { code, message, ...(error_chain === undefined ? {} : { error_chain }) };
  return json(status, { result: null, success: false, errors: [error], messages: [] });
}
