import type { RecordChange } from '#schemas/meta/record-set.ts';
import { PostponedError } from '#runtime/base/errors.ts';
import { PROVIDER_NAMES, type FoundSet, type Signing, type ZonePlace } from '#runtime/drivers/dns-providers/model.ts';
import type { Provider, Reach } from '#runtime/drivers/dns-providers/provider.ts';
import { afterSteps, recordSteps, setsOf, type RecordSteps } from '#runtime/drivers/dns-providers/record-steps.ts';
import type { ApiFailure } from '#runtime/drivers/dns-providers/api.ts';
import { failureIn, jsonContent, jsonIn } from '#runtime/drivers/dns-providers/json.ts';
import { byToken } from '#runtime/drivers/dns-providers/token.ts';
import { unrooted } from '#runtime/drivers/dns-providers/presentation.ts';
import { bodyOf, cloudflareTypes, recordOf, type CloudflareRecord } from './records.ts';

/** API v4 (developers.cloudflare.com/api), by a token with Zone Read and DNS Write for the zone. */
export const cloudflare: Provider = {
  id: 'cloudflare',
  name: PROVIDER_NAMES.cloudflare,
  endpoint: 'https://api.cloudflare.com/client/v4',
  ...byToken,
  failureOf,
  // 1,200 in five minutes.
  pace: { burst: 100, perSecond: 3 },
  takes: (type, isApex) => cloudflareTypes.has(type) || (type === 'ALIAS' && isApex),
  ttlSeconds: { least: 60, most: 86_400 },
  place,
  read,
  change: async (reach, { place: { id }, changes, sets }) => await change(reach, id, { changes, sets }),
};

interface Envelope<T> {
  readonly result: T;
  readonly result_info?: { readonly page: number; readonly total_pages: number };
}

interface Problem {
  readonly code: number;
  readonly message: string;
  readonly error_chain?: readonly Problem[];
}

/** Not there (any more), or there already. */
const staleCodes = [81_044, 81_053, 81_054, 81_055, 81_056, 81_057, 81_058];
const credentialCodes = [6_003, 9_103, 9_106, 9_109, 10_000, 10_001];

function failureOf({ status, body }: { readonly status: number; readonly body: string }): ApiFailure | undefined {
  const problems = (failureIn<{ readonly errors: readonly Problem[] }>(body).errors ?? []).flatMap((problem) => [
    problem,
    ...(problem.error_chain ?? []),
  ]);
  if (problems.length === 0) return undefined;
  const message = problems.map((problem) => `${problem.message} (${problem.code})`).join(', ');
  const codes = problems.map(({ code }) => code);
  if (status === 429) return { kind: 'limited', message };
  if (codes.some((code) => staleCodes.includes(code))) return { kind: 'stale', message };
  if (status === 401 || status === 403 || codes.some((code) => credentialCodes.includes(code)))
    return { kind: 'unauthorized', message };
  if (status === 404) return { kind: 'missing', message };
  return { kind: status >= 500 ? 'busy' : 'refused', message };
}

async function place({ api, zone }: Reach): Promise<ZonePlace> {
  const name = unrooted(zone);
  const text = await api.ask('GET', `/zones?name=${encodeURIComponent(name)}`);
  const [found] = jsonIn<Envelope<readonly CloudflareZone[]>>(text)?.result ?? [];
  if (found === undefined)
    throw new PostponedError(
      'ZoneNotFound',
      `Cloudflare has no zone ${name} that the token may see: add the site there, or give the token that zone`,
    );
  return { id: found.id, nameservers: found.name_servers ?? [], signing: await signingOf(api, found.id) };
}

interface CloudflareZone {
  readonly id: string;
  readonly name_servers?: readonly string[];
}

async function signingOf(api: Reach['api'], id: string): Promise<Signing> {
  const answer = jsonIn<Envelope<Dnssec>>(await api.ask('GET', `/zones/${id}/dnssec`));
  if (answer === undefined) return { state: 'Unknown' };
  const { status, key_tag, algorithm, digest_type, digest } = answer.result;
  if (status !== 'active') return { state: 'NotSigned' };
  return { state: 'Signed', ds: [`${key_tag} ${algorithm} ${digest_type} ${digest.toLowerCase()}`] };
}

interface Dnssec {
  readonly status: string;
  readonly key_tag: number;
  readonly algorithm: string;
  readonly digest_type: string;
  readonly digest: string;
}

const perPage = 1_000;

async function read({ api, zone }: Reach, { id }: ZonePlace): Promise<ReadonlyMap<string, FoundSet>> {
  const records: CloudflareRecord[] = [];
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const text = await api.ask('GET', `/zones/${id}/dns_records?per_page=${perPage}&page=${page}`);
    const answer = jsonIn<Envelope<readonly CloudflareRecord[]>>(text);
    records.push(...(answer?.result ?? []));
    pages = answer?.result_info?.total_pages ?? 1;
  }
  return setsOf(records.map((record) => recordOf(record, zone)));
}

interface Batch {
  readonly posts?: readonly CloudflareRecord[] | null;
}

/** As many records as every plan allows in one request, which is carried out as a whole. */
const perBatch = 200;

async function change(
  { api, zone }: Reach,
  id: string,
  { changes, sets }: { readonly changes: readonly RecordChange[]; readonly sets: ReadonlyMap<string, FoundSet> },
): Promise<ReadonlyMap<string, FoundSet>> {
  let after = sets;
  for (const steps of batchesOf(changes, sets)) {
    const body = {
      deletes: steps.deletes.map((record) => ({ id: record.id })),
      puts: steps.updates.map((record) => ({ id: record.id, ...bodyOf(record) })),
      posts: steps.creates.map(bodyOf),
    };
    const answer = jsonIn<Envelope<Batch>>(await api.ask('POST', `/zones/${id}/dns_records/batch`, jsonContent(body)));
    if (answer === undefined)
      throw new PostponedError('StaleLook', 'Cloudflare has the zone no longer; it is looked for again');
    const made = answer.result.posts ?? [];
    after = afterSteps(
      after,
      steps,
      made.map((record) => recordOf(record, zone)),
    );
  }
  return after;
}

/** What belongs to one name goes at once: nothing is between an address and the CNAME that follows it. */
function batchesOf(changes: readonly RecordChange[], sets: ReadonlyMap<string, FoundSet>): readonly RecordSteps[] {
  const batches: RecordSteps[] = [];
  let open: RecordChange[] = [];
  let size = 0;
  const close = (): void => {
    if (open.length > 0) batches.push(recordSteps(open, sets));
    [open, size] = [[], 0];
  };
  for (const group of Map.groupBy(changes, ({ name }) => name).values()) {
    const steps = recordSteps(group, sets);
    const count = steps.deletes.length + steps.updates.length + steps.creates.length;
    if (size + count > perBatch) close();
    open.push(...group);
    size += count;
  }
  close();
  return batches;
}
