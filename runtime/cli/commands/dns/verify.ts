import { findCondition, isTrue } from '#schemas/meta/conditions.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import type { Client, ObjectKey, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { challengesOf, type Challenged, type ChallengeLine } from '#runtime/cli/commands/challenges.ts';
import { notFound } from '#runtime/cli/commands/get.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';

export interface VerifyOptions {
  readonly timeout?: string;
}

const pollMs = 200;

/** `wcpctl dns verify DOMAIN`: has the DNS looked at now, and says which records are missing still. Exit code 1 when some are. */
export async function verifyNames(session: Session, name: string, { timeout = '5s' }: VerifyOptions): Promise<void> {
  const client = await session.client();
  const target = await targetOf(client, { name, namespace: await session.namespace() });
  const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: new Date().toISOString() } } };
  await client.patch(target.type, target.key, { type: 'merge', body }, { fieldManager: 'wcpctl-dns' });
  const live = await onceShown(session, target, Date.now() + parseDurationFlag('--timeout', timeout));
  const missing = challengesOf(live);
  const claimed = findCondition(live.status?.conditions, 'Claimed');
  if (missing.length > 0) session.io.out(missingText(missing));
  else session.io.out(`${claimed?.message ?? 'No controller has looked at it yet.'}\n`);
  if (claimed?.status !== 'True') throw new ExitCode(1);
}

/** Once its names are its tenant's, or as it is when time is up. */
async function onceShown(session: Session, { type, key }: Target, giveUpAt: number): Promise<Challenged> {
  const client = await session.client();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const live = await client.get<Challenged>(type, key);
    if (live === undefined) throw notFound(type, key.name);
    if (isTrue(live.status?.conditions, 'Claimed') || Date.now() > giveUpAt || session.io.signal.aborted) return live;
  }
}

function missingText(missing: readonly ChallengeLine[]): string {
  const rows = missing.map(({ hostname, record, value }) => [hostname, 'TXT', record, `"${value}"`]);
  return `These records are not in the DNS yet:\n${formatColumns([['HOSTNAME', 'TYPE', 'RECORD', 'VALUE'], ...rows])}`;
}

interface Target {
  readonly type: ResourceType;
  readonly key: ObjectKey;
}

/** A Domain, or else a Zone, of that name. */
async function targetOf(client: Client, key: ObjectKey): Promise<Target> {
  for (const type of [domainKind, zoneKind].map(resourceTypeOf))
    if ((await client.get(type, key)) !== undefined) return { type, key };
  throw notFound(resourceTypeOf(domainKind), key.name);
}
