import { isRecord } from '#runtime/base/json.ts';
import type { ZoneSettings } from './model.ts';

/** What the server's field `account` says of a zone of ours. */
export interface Mark {
  readonly owner: string;
  readonly settings: ZoneSettings | undefined;
}

/** Settings stand there once they all hold. */
export function renderMark({ owner, settings }: Mark): string {
  return JSON.stringify({ owner, ...(settings === undefined ? {} : { settings }) });
}

/** `undefined`: the zone is not ours. */
export function parseMark(account: string): Mark | undefined {
  if (!account.startsWith('{"owner":')) return undefined;
  try {
    const value: unknown = JSON.parse(account);
    if (!isRecord(value) || typeof value['owner'] !== 'string') return undefined;
    return { owner: value['owner'], settings: value['settings'] as ZoneSettings | undefined };
  } catch {
    return undefined;
  }
}
