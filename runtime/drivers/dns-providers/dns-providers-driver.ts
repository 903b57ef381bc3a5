import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { RecordSet, RecordSets } from '#schemas/meta/record-set.ts';
import { ownerId, type Driver } from '#runtime/drivers/driver.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { DnsProvidersAction, FoundZone, ProvidedZone, ProviderAccess, ProviderState } from './model.ts';
import { plainSets, planProvider } from './plan.ts';
import type { Provider } from './provider.ts';
import { providerOf } from './providers.ts';
import { createSessions, type Account, type SessionOptions } from './session.ts';

/** What is ours at providers, kept with the object that says what is wanted: it outlives the process. */
export interface ProviderNotes<W> {
  /** Keys of record sets, by `ownerId` of the Zone; as the store has them, not a cache. `undefined` when there is no such Zone. */
  read(world: W, owner: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  write(world: W, owner: string, keys: readonly string[], signal: AbortSignal): Promise<void>;
}

export interface DnsProvidersTools<W> extends SessionOptions {
  readonly clock: Clock;
  readonly secrets: (world: W) => SecretReader;
  readonly notes: ProviderNotes<W>;
  /** How often it is looked for what others have changed; ten minutes unless given. */
  readonly lookMs?: number;
}

interface Known {
  readonly zone: ProvidedZone & { readonly found: FoundZone };
  readonly lookedAtMs: number;
}

const defaultLookMs = 10 * 60_000;
/** A look that is no older is as good as a new one. */
const freshMs = 2_000;
/** How many zones an idle round looks at: the account's share is for changes. */
const steps = 20;

/**
 * Zones at providers, by their APIs. Nothing is asked at start and nothing by a full pass: a zone is looked at once when it is first wanted, what is written is known
 * afterwards, and what others change is found by looking now and then. Records that we did not write are left alone, whatever is declared.
 */
export function createDnsProvidersDriver<W>(
  tools: DnsProvidersTools<W>,
): Driver<'dns-providers', ReadonlyMap<string, Known>, ProviderState, DnsProvidersAction, W> {
  const memory = new Map<string, Known>();
  const acting = { tools, memory, openApi: createSessions(tools) };
  return {
    name: 'dns-providers',
    nothing: undefined,
    looks: ['look-at-zone', 'note-records', 'delete-notes', 'forget-zone'],
    normalize: (desired) => (desired === undefined ? undefined : { ...desired, records: normalized(desired) }),
    observe: () => Promise.resolve(memory),
    advance: (snapshot) => snapshot,
    of: (owner, snapshot) => snapshot.get(ownerId(owner))?.zone,
    plan: planProvider,
    apply: async (action, world, signal) => await applyAction(action, { ...acting, world, signal }),
    watchDrift: async (world, onDrift, signal) => await watch({ ...acting, world, signal }, onDrift),
  };
}

/** TTLs that the provider does not take are brought as near as it does. */
function normalized({ records, access }: ProvidedZone): RecordSets {
  const { least, most } = providerOf(access.provider).ttlSeconds;
  const spelled = ({ ttlSeconds, contents }: RecordSet): RecordSet => ({
    ttlSeconds: Math.min(Math.max(ttlSeconds, least), most),
    contents: [...new Set(contents)].toSorted(),
  });
  return new Map([...records].map(([key, set]) => [key, spelled(set)]));
}

interface Acting<W> {
  readonly tools: DnsProvidersTools<W>;
  readonly memory: Map<string, Known>;
  readonly openApi: ReturnType<typeof createSessions>;
  readonly world: W;
  readonly signal: AbortSignal;
}

async function applyAction<W>(action: DnsProvidersAction, acting: Acting<W>): Promise<void> {
  const { memory, tools, world, signal } = acting;
  const { owner } = action.input;
  switch (action.op) {
    case 'look-at-zone':
      memory.set(owner, await look(action.input, acting));
      return;
    case 'note-records':
      await confirm(owner, acting);
      await tools.notes.write(world, owner, action.input.keys, signal);
      return change(memory, owner, (found) => ({ ...found, noted: new Set(action.input.keys) }));
    case 'delete-notes':
      await tools.notes.write(world, owner, action.input.keys, signal);
      return change(memory, owner, (found) => ({ ...found, noted: new Set(action.input.keys) }));
    case 'put-records':
    case 'delete-records':
      return await changeRecords(action.input, acting);
    case 'forget-zone':
      memory.delete(owner);
  }
}

type OfZone = Extract<DnsProvidersAction, { op: 'look-at-zone' }>['input'];

async function look<W>({ owner, zone, access, request }: OfZone, acting: Acting<W>): Promise<Known> {
  const { tools, world, signal } = acting;
  const { provider, reach } = await open({ zone, access }, acting);
  const place = await provider.place(reach, access.zoneId, signal);
  const sets = await provider.read(reach, place, signal);
  const noted = new Set((await tools.notes.read(world, owner, signal)) ?? []);
  return known({ zone, access, request, records: new Map(), found: { place, sets, noted } }, tools.clock.now());
}

/** Nothing becomes ours that somebody else made since the last look. PostponedError `StaleLook` when it is to be planned anew. */
async function confirm<W>(owner: string, acting: Acting<W>): Promise<void> {
  const { memory, tools } = acting;
  const before = memory.get(owner);
  if (before === undefined || tools.clock.now() - before.lookedAtMs < freshMs) return;
  const after = await look({ owner, ...before.zone }, acting);
  memory.set(owner, after);
  if (!isSame(after, before))
    throw new PostponedError('StaleLook', 'Somebody changed records at the provider meanwhile; it is planned anew');
}

/** What the provider calls its records is its own affair. */
function isSame({ zone: one }: Known, { zone: other }: Known): boolean {
  return isEqual(one.found.place, other.found.place) && isEqual(plainSets(one.found.sets), plainSets(other.found.sets));
}

/** What is ours is what is noted and there. */
function known(zone: Known['zone'], lookedAtMs: number): Known {
  const { sets, noted } = zone.found;
  const ours = [...sets].filter(([key, { isForeign }]) => noted.has(key) && isForeign === undefined);
  return { zone: { ...zone, records: plainSets(new Map(ours)) }, lookedAtMs };
}

function change(memory: Acting<never>['memory'], owner: string, by: (found: FoundZone) => FoundZone): void {
  const before = memory.get(owner);
  if (before !== undefined)
    memory.set(owner, known({ ...before.zone, found: by(before.zone.found) }, before.lookedAtMs));
}

/** Whatever goes wrong half-way, what is there is not known any more. */
async function changeRecords<W>(
  { owner, zone, access, records }: Extract<DnsProvidersAction, { op: 'put-records' }>['input'],
  acting: Acting<W>,
): Promise<void> {
  const { memory, signal } = acting;
  const before = memory.get(owner);
  if (before === undefined) throw new PostponedError('StaleLook', 'The zone has to be looked at first');
  memory.delete(owner);
  const { provider, reach } = await open({ zone, access }, acting);
  const { found } = before.zone;
  const sets = await provider.change(reach, { place: found.place, changes: records, sets: found.sets }, signal);
  memory.set(owner, known({ ...before.zone, found: { ...found, sets } }, before.lookedAtMs));
}

async function open<W>(
  { zone, access }: { readonly zone: string; readonly access: ProviderAccess },
  { tools, openApi, world, signal }: Acting<W>,
): Promise<{ readonly provider: Provider; readonly reach: Parameters<Provider['place']>[0] }> {
  const provider = providerOf(access.provider);
  const { namespace, name } = access.secret;
  const values = await tools.secrets(world).read(namespace, name, signal);
  const account: Account = { provider, secret: access.secret, values: usable(values, { provider, name }) };
  return { provider, reach: { zone, api: openApi(account, signal) } };
}

/** What cannot be in a header would be an error that shows it. */
const printable = /^[\x21-\x7e]{1,4096}$/;

function usable(
  values: Readonly<Record<string, string>> | undefined,
  { provider, name }: { readonly provider: Provider; readonly name: string },
): Readonly<Record<string, string>> {
  if (values === undefined) throw new RefusedError('SecretNotFound', `Secret ${name} is not there.`);
  const trimmed = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.trim()]));
  const wrong = provider.secretKeys.find((key) => !printable.test(trimmed[key] ?? ''));
  if (wrong === undefined) return trimmed;
  throw new RefusedError(
    'SecretNotFound',
    `Secret ${name} has no usable ${wrong}, by which ${provider.name} knows us.`,
  );
}

/** `undefined` when its Zone has gone without a word: it is not looked at any more. */
async function lookAgain<W>(owner: string, before: Known, acting: Acting<W>): Promise<Known | undefined> {
  const { memory, tools, world, signal } = acting;
  if ((await tools.notes.read(world, owner, signal)) !== undefined)
    return await look({ owner, ...before.zone }, acting);
  memory.delete(owner);
  return undefined;
}

/** Looks at each zone now and then, one after the other; what cannot be looked at is so later. */
async function watch<W>(acting: Acting<W>, onDrift: (owners: readonly string[]) => void): Promise<void> {
  const { tools, memory, signal } = acting;
  const { lookMs = defaultLookMs, clock } = tools;
  while (!signal.aborted) {
    await clock.sleep(lookMs / steps, signal);
    const due = [...memory].filter(([, { lookedAtMs }]) => clock.now() - lookedAtMs >= lookMs);
    for (const [owner, before] of due) {
      const after = await lookAgain(owner, before, acting).catch(() => undefined);
      // Whoever changed it meanwhile knows better.
      if (after === undefined || memory.get(owner) !== before) continue;
      memory.set(owner, after);
      if (!isSame(after, before)) onDrift([owner]);
    }
  }
}
