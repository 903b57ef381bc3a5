import { isRecord } from '#runtime/base/json.ts';
import type { Api } from './api.ts';
import type { ZoneSettings } from './model.ts';
import type { RefusedRecords } from './record.ts';

/** What the server's field `account` says of a zone of ours. */
export interface Mark {
  readonly owner: string;
  readonly settings: ZoneSettings | undefined;
  /** Of a DS that a key had to stay for. */
  readonly remembered?: RememberedDs | undefined;
  readonly refused?: RefusedRecords | undefined;
}

export interface RememberedDs {
  /** How long others may remember it. */
  readonly seconds: number;
  /** When it was seen first that the zone above has it no more, in ms since the epoch; absent while it has it. */
  readonly goneAtMs?: number;
}

/** Settings stand there once they all hold. */
export function renderMark({ owner, settings, remembered, refused }: Mark): string {
  return JSON.stringify({
    owner,
    ...(settings === undefined ? {} : { settings }),
    ...(remembered === undefined ? {} : { remembered }),
    ...(refused === undefined ? {} : { refused }),
  });
}

/** `undefined`: the zone is not ours. */
export function parseMark(account: string): Mark | undefined {
  if (!account.startsWith('{"owner":')) return undefined;
  try {
    const value: unknown = JSON.parse(account);
    if (!isRecord(value) || typeof value['owner'] !== 'string') return undefined;
    return {
      owner: value['owner'],
      settings: value['settings'] as ZoneSettings | undefined,
      remembered: value['remembered'] as RememberedDs | undefined,
      refused: value['refused'] as RefusedRecords | undefined,
    };
  } catch {
    return undefined;
  }
}

interface OfZone {
  readonly zone: string;
  readonly owner: string;
}

interface Reach {
  readonly api: Api;
  readonly signal: AbortSignal;
}

/** The mark of a zone of ours, as it is now. */
export async function readMark({ zone, owner }: OfZone, { api, signal }: Reach): Promise<Mark> {
  const { account } = (await api.get(`/zones/${zone}?rrsets=false`, signal)) as { readonly account: string };
  return parseMark(account) ?? { owner, settings: undefined };
}

/** Nothing is written where it says the same already. */
export async function changeMark(of: OfZone, change: (mark: Mark) => Mark, reach: Reach): Promise<void> {
  const before = await readMark(of, reach);
  const account = renderMark(change(before));
  if (account !== renderMark(before)) await reach.api.send('PUT', `/zones/${of.zone}`, { account }, reach.signal);
}
