import type { KubeObject } from '#schemas/meta/object.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { loadManifests } from '#runtime/cli/manifests/load.ts';
import { sessionTargets } from '#runtime/cli/manifests/session-targets.ts';
import { parseOutputFormat, type Printable } from '#runtime/cli/output/printer.ts';
import type { Session } from '#runtime/cli/session.ts';
import { applyOne, previewOne, type Writer } from '#runtime/manifests/apply.ts';
import { checkAll } from '#runtime/manifests/check.ts';
import type { Target } from '#runtime/manifests/target.ts';
import { pruneByInventory } from './prune.ts';
import { waitUntilReady } from './apply-wait.ts';
import { warnOfUnproven } from './apply-warnings.ts';
import { writerOf, type WriterOptions } from './writer.ts';

export interface ApplyOptions extends WriterOptions {
  readonly filename: readonly string[];
  readonly recursive?: boolean;
  readonly dryRun?: string;
  readonly prune?: boolean;
  readonly inventory?: string;
  readonly output?: string;
  readonly wait?: boolean;
  readonly timeout?: string;
}

/** `wcpctl apply`: server-side apply of all documents, each checked before the first is written. */
export async function apply(session: Session, options: ApplyOptions): Promise<void> {
  const format = parseOutputFormat(options.output, { showManagedFields: false });
  const manifests = await loadManifests(session.io, options.filename, { recursive: options.recursive ?? false });
  const targets = await sessionTargets(session, manifests);
  const writer = writerOf(options);
  const isDryRun = isDryRunAsked(options);
  const onApplied = (line: string): void => {
    if (format.type === 'table') session.io.out(line);
  };
  const names = await applyChecked(session, targets, { writer, isDryRun, onApplied });
  if (format.type === 'objects') session.io.out(format.print(printable(names)));
  if (options.prune === true) await pruneByInventory(session, targets, { ...options, ...writer, isDryRun });
  if (!isDryRun) await warnOfUnproven(session, names);
  if (options.wait === true && !isDryRun) await waitUntilReady(session, targets, options.timeout ?? '5m');
}

interface Applying {
  readonly writer: Writer;
  readonly isDryRun: boolean;
  readonly onApplied: (line: string) => void;
}

export function isDryRunAsked({ dryRun }: Pick<ApplyOptions, 'dryRun'>): boolean {
  return dryRun === 'server' || dryRun === 'client';
}

/** Has the server check all before the first is written. What is stored then, each object with its name in messages. */
export async function applyChecked(
  session: Session,
  targets: readonly Target[],
  { writer, isDryRun, onApplied }: Applying,
): Promise<ReadonlyMap<KubeObject, string>> {
  const client = await session.client();
  await checkAll(client, targets, writer);
  const names = new Map<KubeObject, string>();
  for (const target of targets) {
    const { object, result } = await (isDryRun ? previewOne : applyOne)(client, target, writer);
    const name = objectName(target.type, object.metadata.name);
    names.set(object, name);
    onApplied(`${name} ${result}${isDryRun ? ' (server dry run)' : ''}\n`);
  }
  return names;
}

function printable(names: ReadonlyMap<KubeObject, string>): Printable {
  return {
    objects: [...names.keys()],
    asList: names.size !== 1,
    nameOf: (object) => names.get(object) ?? object.metadata.name,
  };
}
