import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { conditionsOf } from '#runtime/cli/api/conditions.ts';
import type { ResourceType } from '#runtime/client/client.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { notFound } from './get.ts';

/** Long work that the platform does by itself, as one object tells of it. */
export interface Followed {
  readonly type: ResourceType;
  readonly name: string;
  readonly namespace?: string | undefined;
  /** The type of the condition that tells how far it is. */
  readonly condition: string;
  readonly isDone: (object: KubeObject, condition: Condition | undefined) => boolean;
  /** As `5m`; without an end when absent. */
  readonly timeout: string | undefined;
}

const pollMs = 500;

/** Prints each new sentence of the condition until the work is done. It goes on without us: an interrupt ends the telling only. ExitCode 1 on time-out. */
export async function follow(session: Session, followed: Followed): Promise<void> {
  const { isDone, timeout } = followed;
  const giveUpAt =
    timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + parseDurationFlag('--timeout', timeout);
  let told = '';
  for (;;) {
    const { object, condition } = await look(session, followed);
    const sentence = condition?.message ?? '';
    if (sentence !== '' && sentence !== told) session.io.out(`${sentence}\n`);
    told = sentence;
    if (isDone(object, condition)) return;
    giveUp(session, giveUpAt);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function look(session: Session, { type, name, namespace, condition: wanted }: Followed) {
  const client = await session.client();
  const object = await client.get(type, { name, namespace }, session.io.signal);
  if (object === undefined) throw notFound(type, name);
  return { object, condition: conditionsOf(object).find((each) => each.type === wanted) };
}

function giveUp({ io }: Session, atMs: number): void {
  if (io.signal.aborted) throw new ExitCode(130);
  if (Date.now() <= atMs) return;
  io.err('timed out; it goes on by itself\n');
  throw new ExitCode(1);
}
