import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { notFound } from './get.ts';

interface SourceStatus {
  readonly lastHandledRequestAt?: string;
  readonly conditions?: readonly Condition[];
}

const pollMs = 100;
const fieldManager = 'wcpctl-source';

/** `wcpctl source suspend|resume NAME`. */
export async function setSuspended(session: Session, name: string, suspend: boolean): Promise<void> {
  await patchSource(session, name, { spec: { suspend } });
  session.io.out(`source.hosting.wcp360.io/${name} ${suspend ? 'suspended' : 'resumed'}\n`);
}

export interface ReconcileOptions {
  readonly timeout?: string;
}

/** `wcpctl source reconcile NAME`: has it looked at now, and says what came of it. Exit code 1 when not everything is applied. */
export async function reconcileSource(session: Session, name: string, options: ReconcileOptions): Promise<void> {
  const request = new Date().toISOString();
  const giveUpAt = Date.now() + parseDurationFlag('--timeout', options.timeout ?? '2m');
  const type = await patchSource(session, name, { metadata: { annotations: { [ANNOTATIONS.requestedAt]: request } } });
  const ready = await answerTo(request, giveUpAt, async () => await readSource(session, type, name));
  session.io.out(`source.hosting.wcp360.io/${name}: ${ready.message}\n`);
  if (ready.status !== 'True') throw new ExitCode(1);
}

async function patchSource(session: Session, name: string, body: object): Promise<DiscoveredResource> {
  const type = (await session.mapper()).named('sources.hosting.wcp360.io');
  const client = await session.client();
  await client.patch(type, { name, namespace: await session.namespace() }, { type: 'merge', body }, { fieldManager });
  return type;
}

async function readSource(session: Session, type: DiscoveredResource, name: string): Promise<KubeObject> {
  const source = await (await session.client()).get(type, { name, namespace: await session.namespace() });
  if (source === undefined) throw notFound(type, name);
  return source;
}

async function answerTo(request: string, giveUpAt: number, read: () => Promise<KubeObject>): Promise<Condition> {
  for (;;) {
    const { lastHandledRequestAt, conditions = [] } = ((await read())['status'] ?? {}) as SourceStatus;
    const ready = conditions.find(({ type }) => type === 'Ready');
    if (lastHandledRequestAt === request && ready !== undefined) return ready;
    if (Date.now() > giveUpAt) throw new ApiError(504, 'Timeout', 'timed out; is the controller running?');
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
