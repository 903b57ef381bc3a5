import type { KubeObject } from '#schemas/meta/object.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import type { Client } from '#runtime/client/client.ts';
import { conditionsOf } from '#runtime/cli/api/conditions.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Table } from '#runtime/cli/output/table.ts';
import type { Target } from '#runtime/manifests/target.ts';
import type { Session } from '#runtime/cli/session.ts';

const pollMs = 150;

interface Progress {
  readonly name: string;
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

/**
 * Waits until every applied object of a kind that reports readiness is Ready at its own generation; prints what is, and why the rest is not.
 * Which kinds report is told by their columns: those with one named Ready. Ends with exit code 1 on time-out.
 */
export async function waitUntilReady(session: Session, targets: readonly Target[], timeout: string): Promise<void> {
  const client = await session.client();
  const giveUpAt = Date.now() + parseDurationFlag('--timeout', timeout);
  const awaited = await reporting(client, targets);
  for (;;) {
    const progress = await Promise.all(awaited.map((target) => look(client, target)));
    const isDone = progress.every(({ ready }) => ready);
    if (isDone || Date.now() > giveUpAt || session.io.signal.aborted) {
      session.io.out(`\n${formatColumns([['OBJECT', 'READY', 'REASON', 'MESSAGE'], ...progress.map(rowOf)])}`);
      if (!isDone) throw new ExitCode(1);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function reporting(client: Client, targets: readonly Target[]): Promise<readonly Target[]> {
  const types = new Map(targets.map(({ type }) => [`${type.group}/${type.resource}`, type]));
  const reports = new Set<string>();
  for (const [key, type] of types) {
    const table = (await client.list(type, { limit: 1, as: 'Table' })) as unknown as Table;
    if (table.columnDefinitions?.some(({ name }) => name === 'Ready') === true) reports.add(key);
  }
  return targets.filter(({ type }) => reports.has(`${type.group}/${type.resource}`));
}

async function look(client: Client, { type, object }: Target): Promise<Progress> {
  const live = await client.get(type, { name: object.metadata.name, namespace: object.metadata.namespace });
  return progressOf(objectName(type, object.metadata.name), live);
}

function rowOf({ name, ready, reason, message }: Progress): readonly string[] {
  return [name, ready ? 'True' : 'False', reason, message];
}

function progressOf(name: string, object: KubeObject | undefined): Progress {
  if (object === undefined) return { name, ready: false, reason: 'NotFound', message: 'It is not there.' };
  const ready = conditionsOf(object).find(({ type }) => type === 'Ready');
  if (ready === undefined)
    return { name, ready: false, reason: 'Pending', message: 'No controller has looked at it yet.' };
  const isCurrent =
    ready.observedGeneration === undefined || ready.observedGeneration >= (object.metadata.generation ?? 0);
  return { name, ready: ready.status === 'True' && isCurrent, reason: ready.reason, message: ready.message };
}
