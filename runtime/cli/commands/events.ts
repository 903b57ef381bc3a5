import type { KubeObject } from '#schemas/meta/object.ts';
import { humanDuration } from '#runtime/base/duration.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';
import { parseOne } from '#runtime/cli/api/selection.ts';
import { listAll } from './get.ts';

export interface EventsOptions {
  readonly allNamespaces?: boolean;
  readonly for?: string;
  readonly types?: string;
}

/** The parts of a core/v1 Event that people read. */
export interface EventView extends KubeObject {
  readonly involvedObject?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
}

/** `wcpctl events`: oldest first. */
export async function events(session: Session, options: EventsOptions): Promise<void> {
  const mapper = await session.mapper();
  const target = options.for === undefined ? undefined : parseOne(mapper, [options.for]);
  const found = await readEvents(session, {
    namespace: options.allNamespaces === true ? undefined : await session.namespace(),
    fieldSelector:
      target === undefined ? undefined : `involvedObject.kind=${target.type.kind},involvedObject.name=${target.name}`,
  });
  const types = options.types?.split(',').map((type) => type.toLowerCase());
  const shown = found.filter(({ type }) => types === undefined || types.includes((type ?? '').toLowerCase()));
  if (shown.length === 0) {
    session.io.err('No events found.\n');
    return;
  }
  session.io.out(formatColumns([['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'], ...shown.map(rowOf)]));
}

/** Events of a namespace (all when undefined) in the order in which they were last seen. */
export async function readEvents(
  session: Session,
  options: { readonly namespace: string | undefined; readonly fieldSelector: string | undefined },
): Promise<readonly EventView[]> {
  const type = (await session.mapper()).named('events');
  const found = (await listAll(await session.client(), type, options)) as readonly EventView[];
  return found.toSorted((a, b) => lastSeenMs(a) - lastSeenMs(b));
}

function rowOf(event: EventView): readonly string[] {
  const { involvedObject } = event;
  return [
    ageOf(event),
    event.type ?? '',
    event.reason ?? '',
    `${involvedObject?.kind ?? ''}/${involvedObject?.name ?? ''}`,
    event.message ?? '',
  ];
}

/** `5m`, or `5m (x3)` for what happened several times. */
export function ageOf(event: EventView): string {
  const count = event.series?.count ?? event.count ?? 1;
  return `${humanDuration(Date.now() - lastSeenMs(event))}${count > 1 ? ` (x${count})` : ''}`;
}

function lastSeenMs(event: EventView): number {
  const time =
    event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
  return time === undefined || time === null ? 0 : Date.parse(time);
}
