import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { PatchType } from '#runtime/client/client.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { parseOne, parseSelection } from '#runtime/cli/api/selection.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { parseOutputFormat } from '#runtime/cli/output/printer.ts';
import type { Session } from '#runtime/cli/session.ts';
import { notFound } from './get.ts';

export interface PatchOptions {
  readonly type?: string;
  readonly patch?: string;
  readonly patchFile?: string;
  readonly subresource?: string;
  readonly dryRun?: string;
  readonly output?: string;
  readonly fieldManager?: string;
}

const patchTypes: Readonly<Record<string, PatchType>> = { json: 'json', merge: 'merge', strategic: 'strategic' };

/** `wcpctl patch TYPE NAME -p PATCH`: merge patch unless told otherwise, since our kinds know no strategic one. */
export async function patch(session: Session, words: readonly string[], options: PatchOptions): Promise<void> {
  const { type, name } = parseOne(await session.mapper(), words);
  const patchType = patchTypes[options.type ?? 'merge'];
  if (patchType === undefined) throw new UsageError('--type must be one of [json merge strategic]');
  const text =
    options.patchFile === undefined
      ? options.patch
      : await readFile(resolve(session.io.workingDirectory, options.patchFile), 'utf8');
  if (text === undefined)
    throw new UsageError('must specify --patch or --patch-file containing the contents of the patch');
  const body: unknown = parse(text);
  await patchOne(session, { type, name }, { patchType, body, verb: 'patched' }, options);
}

interface Change {
  readonly patchType: PatchType;
  readonly body: unknown;
  /** `patched`, `labeled`, `annotated`. */
  readonly verb: string;
}

async function patchOne(
  session: Session,
  { type, name }: { readonly type: DiscoveredResource; readonly name: string },
  change: Change,
  options: PatchOptions,
): Promise<void> {
  const client = await session.client();
  const namespace = type.namespaced ? await session.namespace() : undefined;
  const before = await client.get(type, { name, namespace });
  if (before === undefined) throw notFound(type, name);
  const dryRun = options.dryRun === 'server' || options.dryRun === 'client';
  const after: KubeObject = await client.patch(
    type,
    { name, namespace },
    { type: change.patchType, body: change.body },
    {
      fieldManager: options.fieldManager ?? 'wcpctl-patch',
      dryRun,
      fieldValidation: 'Strict',
      ...(options.subresource === 'status' && { subresource: 'status' as const }),
    },
  );
  const isChanged = after.metadata.resourceVersion !== before.metadata.resourceVersion;
  const format = parseOutputFormat(options.output, { showManagedFields: false });
  const subject = objectName(type, name);
  if (format.type === 'objects')
    session.io.out(format.print({ objects: [after], asList: false, nameOf: () => subject }));
  else
    session.io.out(
      `${subject} ${change.verb}${isChanged || dryRun ? '' : ' (no change)'}${dryRun ? ' (server dry run)' : ''}\n`,
    );
}

export interface MarkOptions extends PatchOptions {
  readonly overwrite?: boolean;
  readonly all?: boolean;
}

/** `wcpctl label|annotate TYPE NAME… key=value key-`: sets and removes entries of one metadata map. */
export async function mark(
  session: Session,
  field: 'labels' | 'annotations',
  words: readonly string[],
  options: MarkOptions,
): Promise<void> {
  const isMark = (word: string): boolean => word.includes('=') || word.endsWith('-');
  const marks = words.filter((word, index) => index > 0 && isMark(word));
  if (marks.length === 0)
    throw new UsageError(`at least one ${field.slice(0, -1)} update is required: key=value, or key- to remove it`);
  const selections = parseSelection(
    await session.mapper(),
    words.filter((word) => !marks.includes(word)),
  );
  const entries = Object.fromEntries(marks.map(parseMark));
  for (const { type, name } of selections) {
    if (name === undefined) throw new UsageError('name the objects to change');
    await refuseOverwrite(session, { type, name }, { field, entries, overwrite: options.overwrite ?? false });
    const verb = field === 'labels' ? 'labeled' : 'annotated';
    await patchOne(
      session,
      { type, name },
      { patchType: 'merge', body: { metadata: { [field]: entries } }, verb },
      options,
    );
  }
}

function parseMark(word: string): readonly [string, string | null] {
  const split = word.indexOf('=');
  return split === -1 ? [word.slice(0, -1), null] : [word.slice(0, split), word.slice(split + 1)];
}

async function refuseOverwrite(
  session: Session,
  { type, name }: { readonly type: DiscoveredResource; readonly name: string },
  {
    field,
    entries,
    overwrite,
  }: {
    readonly field: 'labels' | 'annotations';
    readonly entries: Readonly<Record<string, string | null>>;
    readonly overwrite: boolean;
  },
): Promise<void> {
  if (overwrite) return;
  const live = await (
    await session.client()
  ).get(type, { name, namespace: type.namespaced ? await session.namespace() : undefined });
  const present = live?.metadata[field] ?? {};
  const clash = Object.entries(entries).find(
    ([key, value]) => value !== null && present[key] !== undefined && present[key] !== value,
  );
  if (clash !== undefined)
    throw new UsageError(`'${clash[0]}' already has a value (${present[clash[0]] ?? ''}), and --overwrite is false`);
}
