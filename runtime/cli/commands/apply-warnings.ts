import { findCondition } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { domainKind } from '#schemas/v1alpha1/domain.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Session } from '#runtime/cli/session.ts';
import { challengesOf, type Challenged } from './challenges.ts';

/** How long is waited for a word on new names, and for how many objects. */
const patience = { ms: 1_500, pollMs: 100, objects: 20 } as const;

/** Says on stderr of names of applied objects that their tenant has yet to show to be its own, and by which record. `names`: as the objects are called in messages. */
export async function warnOfUnproven(session: Session, names: ReadonlyMap<KubeObject, string>): Promise<void> {
  const concerned = [...names].filter(([object]) => kindOf(object) !== undefined).slice(0, patience.objects);
  const giveUpAt = Date.now() + patience.ms;
  await Promise.all(
    concerned.map(async ([object, name]) => {
      const settled = await onceSettled(session, object, giveUpAt);
      for (const { hostname, record, value } of challengesOf(settled)) {
        const only = settled.status?.previewHostname;
        const until = only === undefined ? 'it is not served' : `it is served at ${only} only`;
        session.io.err(
          `Warning: ${name}: to show that ${hostname} is yours, set the TXT record ${record} to "${value}"; until then ${until}\n`,
        );
      }
    }),
  );
}

function kindOf({ apiVersion, kind }: KubeObject): typeof domainKind | typeof zoneKind | undefined {
  return [domainKind, zoneKind].find((each) => each.kind === kind && apiVersion.startsWith(`${each.group}/`));
}

/** As it is once the leader has said whose its names are, or as it was last when time is up. */
async function onceSettled(session: Session, applied: KubeObject, giveUpAt: number): Promise<Challenged> {
  const kind = kindOf(applied);
  const { name, namespace } = applied.metadata;
  let live = applied as Challenged;
  while (kind !== undefined && !isSettled(live) && Date.now() < giveUpAt && !session.io.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, patience.pollMs));
    live = (await (await session.client()).get<Challenged>(resourceTypeOf(kind), { name, namespace })) ?? live;
  }
  return live;
}

function isSettled({ metadata, status }: Challenged): boolean {
  const claimed = findCondition(status?.conditions, 'Claimed');
  return claimed !== undefined && claimed.observedGeneration === metadata.generation && claimed.reason !== 'Claiming';
}
