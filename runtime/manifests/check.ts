import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Writer } from './apply.ts';
import { ManifestError, type ManifestFault } from './manifest.ts';
import { isNamespaceUnready, isNotServed, located } from './refusal.ts';
import { subjectOf, type Target } from './target.ts';

/** How many checks are under way at once. */
const concurrency = 8;
/** Where objects are checked whose own namespace the same files bring. */
const standInNamespace = 'default';

/**
 * Has the server check every document by a dry run, so that nothing is written when one of them is wrong, or is there twice.
 * An object whose namespace does not exist yet is checked in a stand-in namespace; where one may not write there, and where its kind comes with the same
 * files, its check is left to the write. Throws ManifestError with the faults of all documents; what is no answer of the server is thrown as it is.
 */
export async function checkAll(client: Client, targets: readonly Target[], writer: Writer): Promise<void> {
  const faults: ManifestFault[] = [...twinsAmong(targets)];
  const queue = [...targets];
  const worker = async (): Promise<void> => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift())
      faults.push(...(await faultsOf(client, target, writer)));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (faults.length > 0) throw new ManifestError(faults);
}

/** Objects that are there twice: which of them counts would be chance. */
function twinsAmong(targets: readonly Target[]): readonly ManifestFault[] {
  const objects = Map.groupBy(targets, (target) => `${target.type.group} ${subjectOf(target)}`);
  return [...objects.values()].flatMap(([first, ...others]) =>
    others.map((other) => {
      const { file, line } = first?.manifest.source ?? other.manifest.source;
      return { source: other.manifest.source, message: `${subjectOf(other)}: is in ${file}:${line}, too` };
    }),
  );
}

async function faultsOf(client: Client, target: Target, writer: Writer): Promise<readonly ManifestFault[]> {
  try {
    await check(client, target, writer);
    return [];
  } catch (err) {
    const fault = located(err, target);
    if (!(fault instanceof ManifestError)) throw fault;
    return fault.faults;
  }
}

async function check(client: Client, target: Target, writer: Writer): Promise<void> {
  try {
    await dryRun(client, target, writer);
  } catch (err) {
    if (isNotServed(err)) return;
    if (!isNamespaceUnready(err)) throw err;
    await dryRun(client, inStandIn(target), writer).catch((again: unknown) => {
      if (!(again instanceof ApiError && again.status === 403)) throw again;
    });
  }
}

async function dryRun(client: Client, { type, object }: Target, writer: Writer): Promise<void> {
  await client.apply(type, object, { ...writer, fieldValidation: 'Strict', dryRun: true });
}

function inStandIn(target: Target): Target {
  return {
    ...target,
    object: { ...target.object, metadata: { ...target.object.metadata, namespace: standInNamespace } },
  };
}
