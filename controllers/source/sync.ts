import { nameHash, shortName } from '#schemas/meta/name-hash.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { MOST_OBJECTS } from '#schemas/v1alpha1/source.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import { ApiError, RefusedError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { discover, type DiscoveredResource } from '#runtime/client/discovery.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { applyAll, type Writer } from '#runtime/manifests/apply.ts';
import { checkAll } from '#runtime/manifests/check.ts';
import { formatEntry, inventoryOf, surplusOf } from '#runtime/manifests/inventory.ts';
import { ManifestError } from '#runtime/manifests/manifest.ts';
import { parseAll } from '#runtime/manifests/parse.ts';
import { pruneOne, SOURCE_MANAGER } from '#runtime/manifests/prune.ts';
import { targetsOf, type Target } from '#runtime/manifests/target.ts';
import type { SourceOrder, SourceReport, Standing } from './model.ts';
import { readContent, type SourceContent } from './read-content.ts';
import { SOURCE_REASONS, type SourceReason } from './reasons.ts';
import type { SourceTools } from './tools.ts';

/** One look at a Source. */
export interface Look {
  readonly owner: Owner;
  readonly order: SourceOrder;
  /** What stood before. */
  readonly before: Standing;
  /** Whether `before` is of this very order: then what differs in the API was changed there. */
  readonly isSameOrder: boolean;
  readonly known: SourceContent | undefined;
  readonly tools: SourceTools;
  readonly signal: AbortSignal;
}

export interface Looked {
  readonly report: SourceReport;
  readonly content: SourceContent | undefined;
}

type Change = NonNullable<SourceReport['changes']>[number];

/** What was done so far; survives a refusal half-way. */
interface Progress {
  readonly attempted?: string;
  readonly changes: readonly Change[];
  readonly inventory: readonly string[];
}

const mostChanges = 100;
const mostFaults = 20;
const mostMessage = 900;

/**
 * Reads, checks all, applies, prunes: as the Source's account. The first three leave everything as it was when anything is wrong; nothing is pruned for want of
 * evidence. Errors: what is to be tried again soon (a server that does not answer); everything else is in the report.
 */
export async function lookAt(look: Look): Promise<Looked> {
  const { owner, order, tools } = look;
  const account = { namespace: owner.namespace, name: order.serviceAccountName };
  let content: SourceContent | undefined;
  let progress: Progress = { changes: [], inventory: look.before.inventory };
  const note = (more: Partial<Progress>): void => void (progress = { ...progress, ...more });
  try {
    const client = await clientOf(look, account);
    const { namespace } = owner;
    content = await readContent(order, { namespace, client, tools, known: look.known, signal: look.signal });
    note({ attempted: content.revision });
    return { content, report: await carryOut(look, { client, content, note, progress: () => progress }) };
  } catch (err) {
    tools.accounts.forget(account);
    return { content, report: failure(look, progress, err) };
  }
}

async function clientOf(
  { tools, signal }: Look,
  account: { readonly namespace: string; readonly name: string },
): Promise<Client> {
  try {
    return await tools.accounts.actAs(account, signal);
  } catch (err) {
    if (!(err instanceof ApiError)) throw err;
    const called = `the ServiceAccount ${account.name}`;
    if (err.status === 404)
      throw new RefusedError('AccountNotFound', `${account.namespace} has no ServiceAccount ${account.name}.`, {
        cause: err,
      });
    if (err.status !== 403) throw err;
    const how = 'an administrator allows it with a Role there: create serviceaccounts/token';
    throw new RefusedError('AccountNotAllowed', `WCP360 may not act as ${called} (${how}).`, { cause: err });
  }
}

interface Work {
  readonly client: Client;
  readonly content: SourceContent;
  readonly note: (more: Partial<Progress>) => void;
  readonly progress: () => Progress;
}

async function carryOut(look: Look, work: Work): Promise<SourceReport> {
  const { owner, before, signal, order } = look;
  const { client, content } = work;
  const resources = await discover(client, signal);
  const targets = targetsOf(await parseAll(content.texts), { resources, namespace: owner.namespace });
  if (targets.length > MOST_OBJECTS)
    throw new RefusedError('TooManyObjects', `There are ${targets.length} objects; a Source may hold ${MOST_OBJECTS}.`);
  const doubt = doubtOf(look, content, targets.length);
  if (doubt !== undefined) throw doubt;
  const writer = { fieldManager: managerOf(owner), force: true, signal };
  const isNew = !look.isSameOrder || content.revision !== before.revision;
  if (isNew) await checkAll(client, targets, writer);
  const wanted = inventoryOf(targets);
  work.note({ inventory: [...new Set([...before.inventory, ...wanted])] });
  await applyTargets(targets, work, writer);
  const kept = order.prune
    ? await pruneSurplus(look, work, { wanted, resources, fieldManager: writer.fieldManager })
    : [];
  work.note({ inventory: [...wanted, ...kept.map(({ entry }) => entry)] });
  if (kept.length > 0)
    throw new RefusedError('PruneFailed', `${kept.map(({ entry, message }) => `${entry}: ${message}`).join('; ')}.`);
  return success(look, work.progress(), isNew);
}

/** Why nothing may be pruned before a person confirms it: everything is gone at once. */
function doubtOf({ owner, order, before }: Look, content: SourceContent, found: number): RefusedError | undefined {
  if (found > 0) return undefined;
  const { length } = before.inventory;
  if (length === 0)
    return content.missing === undefined ? undefined : new RefusedError('PathNotFound', content.missing);
  const token = nameHash(`${before.lastAppliedTime ?? ''} ${before.inventory.join(' ')}`).toString(36);
  if (order.confirmation === token) return undefined;
  const command = `wcpctl annotate source ${owner.name} -n ${owner.namespace} --overwrite ${ANNOTATIONS.confirm}=${token}`;
  const why = content.missing ?? 'There are no manifests any more.';
  const message = `${why} The ${length} objects that were applied from here stay. If they are to go: ${command}`;
  return new RefusedError(content.missing === undefined ? 'SourceEmpty' : 'PathVanished', message);
}

/** Each Source's own, so that an object that moves from one to another is not pruned. */
function managerOf({ namespace, name }: Owner): string {
  return shortName(`${SOURCE_MANAGER}${namespace}/${name}`, 128);
}

async function applyTargets(
  targets: readonly Target[],
  { client, note, progress }: Work,
  writer: Writer,
): Promise<void> {
  await applyAll(client, targets, {
    writer,
    onApplied: (target, { result }) => {
      const [object = ''] = inventoryOf([target]);
      const action = result === 'created' ? 'Created' : 'Configured';
      if (result !== 'unchanged') note({ changes: [...progress().changes, { action, object }] });
    },
  });
}

interface Kept {
  readonly entry: string;
  readonly message: string;
}

/** What could not be deleted. */
async function pruneSurplus(
  { before, signal }: Look,
  { client, note, progress }: Work,
  options: {
    readonly wanted: readonly string[];
    readonly resources: readonly DiscoveredResource[];
    readonly fieldManager: string;
  },
): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const entry of surplusOf(before.inventory, options.wanted)) {
    const result = await pruneOne(client, entry, { ...options, signal });
    const object = formatEntry(entry);
    if (result.outcome === 'failed') kept.push({ entry: object, message: result.message });
    if (result.outcome === 'pruned') note({ changes: [...progress().changes, { action: 'Pruned', object }] });
  }
  return kept;
}

function success(look: Look, { attempted = '', changes, inventory }: Progress, isNew: boolean): SourceReport {
  const { before, tools } = look;
  const drift = isNew ? [] : changes.filter(({ action }) => action !== 'Pruned').map(({ object }) => object);
  const isChanged = changes.length > 0 || before.lastAppliedTime === undefined;
  return {
    reason: 'Applied',
    message: `${attempted} is applied: ${inventory.length} objects.`,
    revision: attempted,
    attemptedRevision: attempted,
    drift: drift.slice(0, mostChanges),
    faults: [],
    inventory,
    ...lastChange(before),
    ...(isChanged && { lastAppliedTime: rfc3339(tools.clock.now()), changes: changes.slice(0, mostChanges) }),
  };
}

function lastChange({ lastAppliedTime, changes }: Standing): Pick<SourceReport, 'lastAppliedTime' | 'changes'> {
  return { ...(lastAppliedTime !== undefined && { lastAppliedTime }), ...(changes !== undefined && { changes }) };
}

/** The report of a look that ended early. What was changed before it did is told, too. Throws what a report is of no use for. */
function failure({ before, tools }: Look, { attempted, changes, inventory }: Progress, err: unknown): SourceReport {
  const { reason, message, faults } = verdictOn(err);
  return {
    ...(before.revision !== undefined && { revision: before.revision }),
    ...(attempted !== undefined && { attemptedRevision: attempted }),
    ...lastChange(before),
    ...(changes.length > 0 && { lastAppliedTime: rfc3339(tools.clock.now()), changes: changes.slice(0, mostChanges) }),
    drift: [],
    faults,
    inventory,
    reason,
    message:
      attempted === undefined || before.revision === undefined ? message : `${message} ${before.revision} stays.`,
  };
}

function verdictOn(
  err: unknown,
): Pick<SourceReport, 'reason' | 'message'> & { readonly faults: NonNullable<SourceReport['faults']> } {
  if (err instanceof ManifestError) {
    const faults = err.faults.slice(0, mostFaults).map(({ source, message }) => ({ ...source, message: cut(message) }));
    const [first] = err.faults;
    const more = err.faults.length - 1;
    const words = first === undefined ? '' : `${first.source.file}:${first.source.line}: ${first.message}`;
    return { reason: 'ManifestsInvalid', message: `${cut(words)}${more > 0 ? ` (and ${more} more)` : ''}.`, faults };
  }
  if (err instanceof RefusedError && isReason(err.reason))
    return { reason: err.reason, message: cut(err.message), faults: [] };
  throw err;
}

function isReason(word: string): word is SourceReason {
  return word in SOURCE_REASONS;
}

function cut(message: string): string {
  return message.length > mostMessage ? `${message.slice(0, mostMessage)}…` : message;
}
