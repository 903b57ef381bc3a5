import type { Test } from 'tap';
import { contentOfPresented } from '#runtime/drivers/dns-providers/presentation.ts';
import { wholeName } from '#schemas/meta/record-content.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import type { LabProvider } from './lab-provider.ts';
import { json, startLabProvider, type Answered, type Asked } from './server.ts';

const token = 'hz-token-that-nobody-may-see';
const zoneId = 4711;
const nameservers = ['helium.ns.hetzner.example', 'hydrogen.ns.hetzner.example'];
const perPage = 50;

interface Stored {
  readonly name: string;
  readonly type: string;
  readonly ttl: number | null;
  readonly records: readonly { readonly value: string; readonly comment?: string }[];
}

/** Answers of the Cloud API: record sets, pages with `meta.pagination`, actions that run for a while, errors with words for codes. */
export async function startHetzner(t: Test): Promise<LabProvider> {
  let zone: string | undefined = 'acme.example.';
  const sets = new Map<string, Stored>();
  const running = new Map<number, number>();
  const action = (status: number, command: string, more: object = {}): Answered => {
    const id = running.size + 1;
    running.set(id, 1);
    return json(status, { ...more, action: { id, command, status: 'running', progress: 0, error: null } });
  };
  const write = (stored: Stored, command: string, status: number): Answered => {
    const refusal = refusalOf(stored, [...sets.values()]);
    if (refusal !== undefined) return refusal;
    sets.set(`${stored.name} ${stored.type}`, stored);
    return action(status, command, status === 201 && command === 'create_rrset' ? { rrset: shown(stored) } : {});
  };
  const changed = (asked: Asked): Answered => {
    const [, name = '', type = '', what = ''] =
      /^\/zones\/4711\/rrsets\/([^/]+)\/([A-Z]+)(?:\/actions\/(\w+))?$/.exec(decodeURIComponent(asked.path)) ?? [];
    const found = sets.get(`${name} ${type}`);
    if (found === undefined) return failure(404, 'not_found', `zone rrset with ID '${name}/${type}' not found`);
    if (asked.method === 'DELETE') {
      sets.delete(`${name} ${type}`);
      return action(201, 'delete_rrset');
    }
    const body = JSON.parse(asked.body) as Partial<Stored>;
    return write({ ...found, ...body }, what === 'change_ttl' ? 'change_rrset_ttl' : 'set_rrset_records', 201);
  };
  const answer = (asked: Asked): Answered => {
    if (asked.headers.authorization !== `Bearer ${token}`)
      return failure(401, 'unauthorized', 'the token you have provided is invalid');
    if (asked.path === '/zones') return zonesNamed(zone, asked.query);
    if (asked.path.startsWith('/actions/')) return finished(running, Number(asked.path.slice('/actions/'.length)));
    if (zone === undefined || !asked.path.startsWith(`/zones/${zoneId}/rrsets`))
      return failure(404, 'not_found', 'zone not found');
    if (asked.path !== `/zones/${zoneId}/rrsets`) return changed(asked);
    if (asked.method === 'GET') return listed([...sets.values()], asked.query);
    const made = JSON.parse(asked.body) as Stored;
    if (sets.has(`${made.name} ${made.type}`))
      return failure(409, 'uniqueness_error', 'an RRSet with this name and type already exists');
    return write(made, 'create_rrset', 201);
  };
  const server = await startLabProvider(t, '/v1', answer);
  return {
    ...server,
    id: 'hetzner',
    secret: { token },
    nameservers,
    name: () => zone,
    setZone: (name) => {
      zone = name;
      sets.clear();
    },
    answered: (name, type) =>
      [...sets.values()]
        .filter((set) => recordKey(wholeName(set.name, zone ?? ''), set.type) === recordKey(name, type))
        .flatMap(({ records }) => records.map(({ value }) => contentOfPresented(type, value, zone) ?? value))
        .toSorted(),
    keys: () => [...sets.values()].map((set) => recordKey(wholeName(set.name, zone ?? ''), set.type)).toSorted(),
    byHand: (name, type, contents) => {
      const short = name === zone ? '@' : name.slice(0, -(zone ?? '').length - 1);
      if (contents.length === 0) sets.delete(`${short} ${type}`);
      else sets.set(`${short} ${type}`, { name: short, type, ttl: 300, records: contents.map((value) => ({ value })) });
    },
    limit: (seconds, nowMs) => ({
      ...failure(429, 'rate_limit_exceeded', 'rate limit exceeded'),
      headers: {
        'ratelimit-limit': '3600',
        'ratelimit-remaining': '0',
        'ratelimit-reset': String(Math.ceil(nowMs / 1_000) + seconds),
      },
    }),
  };
}

function zonesNamed(zone: string | undefined, query: URLSearchParams): Answered {
  const isThere = zone !== undefined && query.get('name') === zone.slice(0, -1);
  const found = {
    id: zoneId,
    name: zone?.slice(0, -1),
    mode: 'primary',
    ttl: 3600,
    status: 'ok',
    authoritative_nameservers: {
      assigned: nameservers.map((name) => `${name}.`),
      delegated: [],
      delegation_status: 'unknown',
    },
  };
  return json(200, { zones: isThere ? [found] : [], meta: pagination(isThere ? 1 : 0, 1) });
}

function pagination(total: number, page: number) {
  const last = Math.max(1, Math.ceil(total / perPage));
  return {
    pagination: {
      page,
      per_page: perPage,
      previous_page: page > 1 ? page - 1 : null,
      next_page: page < last ? page + 1 : null,
      last_page: last,
      total_entries: total,
    },
  };
}

function listed(sets: readonly Stored[], query: URLSearchParams): Answered {
  const page = Number(query.get('page') ?? 1);
  const rrsets = sets.slice((page - 1) * perPage, page * perPage).map(shown);
  return json(200, { rrsets, meta: pagination(sets.length, page) });
}

function shown({ name, type, ttl, records }: Stored) {
  return { id: `${name}/${type}`, name, type, ttl, labels: {}, protection: { change: false }, records, zone: zoneId };
}

/** Each takes one look to end. */
function finished(running: Map<number, number>, id: number): Answered {
  const left = running.get(id);
  if (left === undefined) return failure(404, 'not_found', 'action not found');
  running.set(id, left - 1);
  return json(200, {
    action: { id, status: left > 0 ? 'running' : 'success', progress: left > 0 ? 50 : 100, error: null },
  });
}

function refusalOf({ name, type, ttl, records }: Stored, others: readonly Stored[]): Answered | undefined {
  if (ttl !== null && ttl < 60) return failure(422, 'invalid_input', 'ttl must be at least 60');
  if (records.some(({ value }) => contentOfPresented(type, value) === undefined))
    return failure(422, 'invalid_input', `invalid input in field 'records': invalid ${type} value`);
  if (type === 'TXT' && records.some(({ value }) => !value.startsWith('"')))
    return failure(422, 'invalid_input', 'TXT values are quoted');
  const beside = others.filter((other) => other.name === name && other.type !== type);
  const isTaken = beside.some((other) => type === 'CNAME' || other.type === 'CNAME');
  return isTaken ? failure(422, 'invalid_input', 'CNAME cannot coexist with other records') : undefined;
}

function failure(status: number, code: string, message: string): Answered {
  return json(status, { error: { code, message, details: {} } });
}
