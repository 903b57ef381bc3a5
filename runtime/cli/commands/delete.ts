import { ApiError } from '#runtime/base/errors.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import type { Client } from '#runtime/client/client.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { parseSelection } from '#runtime/cli/api/selection.ts';
import { ExitCode, UsageError } from '#runtime/cli/io.ts';
import { loadManifests } from '#runtime/cli/manifests/load.ts';
import { sessionTargets } from '#runtime/cli/manifests/session-targets.ts';
import type { Session } from '#runtime/cli/session.ts';
import { listAll, notFound } from './get.ts';

export interface DeleteCommandOptions {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly selector?: string;
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly cascade?: string;
  readonly dryRun?: string;
  readonly output?: string;
}

interface Doomed {
  readonly type: DiscoveredResource;
  readonly name: string;
  readonly namespace: string | undefined;
}

const pollMs = 100;
const cascades = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

/** `wcpctl delete`: asks for deletion of each object, then waits until finalizers have let them go. */
export async function remove(session: Session, words: readonly string[], options: DeleteCommandOptions): Promise<void> {
  const client = await session.client();
  const doomed = await selectDoomed(session, words, options);
  const cascade = cascades[(options.cascade ?? 'background') as keyof typeof cascades];
  if (cascade === undefined)
    throw new UsageError(`invalid cascade value "${options.cascade ?? ''}": must be background, foreground or orphan`);
  const dryRun = options.dryRun === 'server' || options.dryRun === 'client';
  const waiting: Doomed[] = [];
  for (const one of doomed) {
    const isThere = await deleteOne(session, one, { ...options, propagationPolicy: cascade, isDryRun: dryRun });
    if (isThere && !dryRun) waiting.push(one);
  }
  if (options.wait !== false) await waitUntilGone(session, client, waiting, options.timeout);
}

interface Deletion extends DeleteCommandOptions {
  readonly propagationPolicy: (typeof cascades)[keyof typeof cascades];
  readonly isDryRun: boolean;
}

/** False when it was not there and that is all right. */
async function deleteOne(session: Session, { type, name, namespace }: Doomed, options: Deletion): Promise<boolean> {
  const client = await session.client();
  const live = await client.get(type, { name, namespace });
  if (live === undefined) {
    if (options.ignoreNotFound === true) return false;
    throw notFound(type, name);
  }
  await client.delete(
    type,
    { name, namespace },
    { propagationPolicy: options.propagationPolicy, dryRun: options.isDryRun },
  );
  const subject = objectName(type, name);
  const line = options.output === 'name' ? subject : `${subject.slice(0, subject.indexOf('/'))} "${name}" deleted`;
  session.io.out(`${line}${options.isDryRun ? ' (server dry run)' : ''}\n`);
  return true;
}

async function selectDoomed(
  session: Session,
  words: readonly string[],
  options: DeleteCommandOptions,
): Promise<readonly Doomed[]> {
  if ((options.filename ?? []).length > 0) {
    const manifests = await loadManifests(session.io, options.filename ?? [], {
      recursive: options.recursive ?? false,
    });
    return (await sessionTargets(session, manifests)).toReversed().map(({ type, object }) => ({
      type,
      name: object.metadata.name,
      namespace: object.metadata.namespace,
    }));
  }
  const selections = parseSelection(await session.mapper(), words);
  const found: Doomed[] = [];
  for (const { type, name } of selections) {
    const namespace = type.namespaced ? await session.namespace() : undefined;
    if (name !== undefined) found.push({ type, name, namespace });
    else found.push(...(await selectMany(session, type, { namespace, options })));
  }
  return found;
}

async function selectMany(
  session: Session,
  type: DiscoveredResource,
  { namespace, options }: { readonly namespace: string | undefined; readonly options: DeleteCommandOptions },
): Promise<readonly Doomed[]> {
  if (options.all !== true && options.selector === undefined) {
    throw new UsageError('resource(s) were provided, but no name was specified: name them, or use --all or --selector');
  }
  const objects = await listAll(await session.client(), type, {
    namespace: options.allNamespaces === true ? undefined : namespace,
    labelSelector: options.selector,
  });
  return objects.map(({ metadata }) => ({ type, name: metadata.name, namespace: metadata.namespace }));
}

async function waitUntilGone(
  session: Session,
  client: Client,
  doomed: readonly Doomed[],
  timeout: string | undefined,
): Promise<void> {
  const giveUpAt =
    timeout === undefined || timeout === '0'
      ? Number.POSITIVE_INFINITY
      : Date.now() + parseDurationFlag('--timeout', timeout);
  for (const { type, name, namespace } of doomed) {
    for (;;) {
      const live = await client.get(type, { name, namespace });
      if (live === undefined) break;
      if (session.io.signal.aborted) throw new ExitCode(130);
      if (Date.now() > giveUpAt)
        throw new ApiError(
          504,
          'Timeout',
          `timed out waiting for ${objectName(type, name)} to be deleted; held by finalizers ${(live.metadata.finalizers ?? []).join(', ')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
