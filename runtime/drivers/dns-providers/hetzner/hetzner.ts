import { recordKey, type RecordChange } from '#schemas/meta/record-set.ts';
import { rootedName, wholeName } from '#schemas/meta/record-content.ts';
import { HostError, PostponedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { ApiFailure } from '#runtime/drivers/dns-providers/api.ts';
import { failureIn, jsonContent, jsonIn } from '#runtime/drivers/dns-providers/json.ts';
import { PROVIDER_NAMES, type FoundSet, type ZonePlace } from '#runtime/drivers/dns-providers/model.ts';
import { contentOfPresented, nameIn, unrooted } from '#runtime/drivers/dns-providers/presentation.ts';
import type { Provider, Reach } from '#runtime/drivers/dns-providers/provider.ts';
import { byToken } from '#runtime/drivers/dns-providers/token.ts';

const types: ReadonlySet<string> = new Set([
  ...['A', 'AAAA', 'CAA', 'CNAME', 'DS', 'HTTPS', 'MX', 'NS', 'PTR', 'SRV', 'SVCB', 'TLSA', 'TXT'],
]);

/** The Cloud API (docs.hetzner.cloud), where zones are since its own DNS API ended. It knows record sets, in the words of zone files, and changes one by one. */
export const hetzner: Provider = {
  id: 'hetzner',
  name: PROVIDER_NAMES.hetzner,
  endpoint: 'https://api.hetzner.cloud/v1',
  ...byToken,
  failureOf,
  // 3,600 at once, and one more each second.
  pace: { burst: 1_000, perSecond: 1 },
  takes: (type) => types.has(type),
  ttlSeconds: { least: 60, most: 2_147_483_647 },
  place,
  read,
  change,
};

interface Problem {
  readonly error: { readonly code: string; readonly message: string };
}

const kinds: Readonly<Record<string, ApiFailure['kind']>> = {
  conflict: 'busy',
  forbidden: 'unauthorized',
  invalid_input: 'refused',
  locked: 'busy',
  not_found: 'missing',
  rate_limit_exceeded: 'limited',
  unauthorized: 'unauthorized',
  uniqueness_error: 'stale',
};

function failureOf({ body }: { readonly body: string }): ApiFailure | undefined {
  const { code = '', message = '' } = failureIn<Problem>(body).error ?? {};
  const kind = kinds[code];
  return kind === undefined ? undefined : { kind, message: `${message} (${code})` };
}

interface HetznerZone {
  readonly id: number;
  readonly ttl: number;
  readonly authoritative_nameservers?: { readonly assigned?: readonly string[] };
}

async function place({ api, zone }: Reach): Promise<ZonePlace> {
  const name = unrooted(zone);
  const answer = jsonIn<{ readonly zones: readonly HetznerZone[] }>(
    await api.ask('GET', `/zones?name=${encodeURIComponent(name)}&mode=primary`),
  );
  const [found] = answer?.zones ?? [];
  if (found === undefined)
    throw new PostponedError(
      'ZoneNotFound',
      `The project of the token has no primary zone ${name} at Hetzner: make it there, or take a token of the project that has it`,
    );
  const nameservers = (found.authoritative_nameservers?.assigned ?? []).map(unrooted);
  return { id: String(found.id), nameservers, signing: { state: 'Unsupported' }, ttlSeconds: found.ttl };
}

interface RecordSetThere {
  readonly name: string;
  readonly type: string;
  /** `null`: that of the zone. */
  readonly ttl: number | null;
  readonly records: readonly { readonly value: string }[];
}

interface Page {
  readonly rrsets: readonly RecordSetThere[];
  readonly meta: { readonly pagination: { readonly next_page: number | null } };
}

async function read({ api, zone }: Reach, { id, ttlSeconds = 0 }: ZonePlace): Promise<ReadonlyMap<string, FoundSet>> {
  const sets = new Map<string, FoundSet>();
  for (let page: number | null = 1; page !== null;) {
    const answer: Page | undefined = jsonIn<Page>(await api.ask('GET', `/zones/${id}/rrsets?per_page=50&page=${page}`));
    for (const { name, type, ttl, records } of answer?.rrsets ?? [])
      sets.set(
        recordKey(wholeName(name, zone), type),
        setOf({ type, zone, ttlSeconds: ttl ?? ttlSeconds, values: records.map(({ value }) => value) }),
      );
    page = answer?.meta.pagination.next_page ?? null;
  }
  return sets;
}

function setOf({
  type,
  zone,
  ttlSeconds,
  values,
}: {
  readonly type: string;
  readonly zone: string;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}): FoundSet {
  const contents = values.map((value) => contentOfPresented(type, value, rootedName(zone)));
  const known = contents.filter((content) => content !== undefined).toSorted();
  return { ttlSeconds, contents: known, ...(known.length < values.length ? { isForeign: true } : {}) };
}

async function change(
  reach: Reach,
  { place: { id }, changes, sets }: Parameters<Provider['change']>[1],
): Promise<ReadonlyMap<string, FoundSet>> {
  const after = new Map(sets);
  for (const each of changes) {
    const key = recordKey(each.name, each.type);
    await changeOne(reach, id, { change: each, found: sets.get(key) });
    if (each.set === undefined) after.delete(key);
    else after.set(key, each.set);
  }
  return after;
}

async function changeOne(
  { api, zone }: Reach,
  id: string,
  { change: { name, type, set }, found }: { readonly change: RecordChange; readonly found: FoundSet | undefined },
): Promise<void> {
  const path = `/zones/${id}/rrsets/${encodeURIComponent(nameIn(zone, name))}/${type}`;
  // Who is gone already needs not go.
  if (set === undefined) return await finish(api, await api.ask('DELETE', path));
  const records = set.contents.map((value) => ({ value }));
  const { ttlSeconds: ttl } = set;
  if (found === undefined) {
    const made = jsonContent({ name: nameIn(zone, name), type, ttl, records });
    return await finish(api, there(await api.ask('POST', `/zones/${id}/rrsets`, made)));
  }
  if (!isEqual(set.contents, found.contents))
    await finish(api, there(await api.ask('POST', `${path}/actions/set_records`, jsonContent({ records }))));
  if (ttl !== found.ttlSeconds)
    await finish(api, there(await api.ask('POST', `${path}/actions/change_ttl`, jsonContent({ ttl }))));
}

function there(text: string | undefined): string {
  if (text !== undefined) return text;
  throw new PostponedError('StaleLook', 'Hetzner has the record set, or the zone, no longer; it is looked at again');
}

interface Running {
  readonly action: {
    readonly id: number;
    readonly status: string;
    readonly error?: { readonly message: string } | null;
  };
}

const lookMs = 500;
const mostLooks = 40;

/** What was asked for is done some time after the answer. */
async function finish(api: Reach['api'], text: string | undefined): Promise<void> {
  let running = jsonIn<Running>(text);
  for (let looks = 0; running?.action.status === 'running'; looks += 1) {
    if (looks === mostLooks) throw new HostError('Hetzner does not finish a change');
    await api.pause(lookMs);
    running = jsonIn<Running>(await api.ask('GET', `/actions/${running.action.id}`));
  }
  if (running?.action.status === 'error')
    throw new HostError(
      `Hetzner did not carry a change out: ${running.action.error?.message ?? 'it does not say why'}`,
    );
}
