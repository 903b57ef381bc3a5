import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { PostponedError } from '#runtime/base/errors.ts';
import type { ParentDs } from '#runtime/dns/parent-ds.ts';
import type { Api } from './api.ts';
import { changeMark, readMark, type Mark } from './mark.ts';

/** What those who validate go by. */
export interface ZoneAbove {
  /** HostError when nobody can tell. */
  dsOf(zone: string, signal: AbortSignal): Promise<ParentDs>;
  readonly clock: Clock;
}

interface Leaving {
  readonly zone: string;
  readonly owner: string;
  /** DS of each key that is there already and stays, by several digests. */
  readonly staying: readonly string[];
}

interface Reach {
  readonly api: Api;
  readonly signal: AbortSignal;
  readonly above: ZoneAbove | undefined;
}

/**
 * Resolves when the zone can lose keys. Where the zone above has DS, one has to be that of a key that stays; and others go by what it had before for as long as they
 * may remember it (RFC 6781 §4.1.2): that a DS is in the way, and since when it is no more, is kept in the mark of the zone.
 *
 * | the zone above has        | noted            | then                            |
 * | ------------------------- | ---------------- | ------------------------------- |
 * | DS, of no key that stays  | whatever         | `ParentHasDs`; noted            |
 * | none, or one that stays   | nothing          | keys go                         |
 * | none, or one that stays   | a DS             | `DsRemembered`; gone since now  |
 * | none, or one that stays   | gone since then  | `DsRemembered` until it is over |
 *
 * Those are reasons of a PostponedError. HostError when nobody can tell what the zone above has.
 */
export async function mayLoseKeys(leaving: Leaving, reach: Reach): Promise<void> {
  const { above, signal } = reach;
  if (above === undefined) return;
  const { contents, rememberedSeconds } = await above.dsOf(leaving.zone, signal);
  const before = (await readMark(leaving, reach)).remembered;
  const note = async (remembered: Mark['remembered']): Promise<void> =>
    await changeMark(leaving, (mark) => ({ ...mark, remembered }), reach);
  if (contents.length > 0 && !contents.some((ds) => leaving.staying.includes(ds))) {
    await note({ seconds: Math.max(rememberedSeconds, before?.seconds ?? 0) });
    throw new PostponedError('ParentHasDs', inTheWay(contents, leaving));
  }
  if (before === undefined) return;
  const now = above.clock.now();
  const { seconds, goneAtMs = now } = before;
  await note({ seconds, goneAtMs });
  // A whole second, as it is told.
  const untilMs = Math.ceil(goneAtMs / 1_000 + seconds) * 1_000;
  if (now >= untilMs) return;
  const until = rfc3339(untilMs);
  const message = `The DS of a key that is to go is not in the zone above any more, but others may remember it until ${until}: the zone stays signed as it is until then`;
  throw new PostponedError('DsRemembered', message, { untilMs });
}

function inTheWay(contents: readonly string[], { staying }: Leaving): string {
  const instead = staying.length === 0 ? '' : ', and enter that of a key that stays';
  return `The zone above has the DS ${contents.join('; ')} of a key that is to go: take it away at the registrar${instead}. The zone stays signed as it is for as long as others may remember it`;
}
