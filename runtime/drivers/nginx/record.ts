import { isRecord } from '#runtime/base/json.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Site } from './model.ts';

const hostnamePattern = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Where the records of an instance lie. */
export function sitesDirectory(root: string): string {
  return `${root}/front/sites`;
}

/** Where the users files of sites with basic auth lie. */
export function usersDirectory(root: string): string {
  return `${root}/front/auth`;
}

/**
 * The file name of a hostname's record: the name itself, `_.x` for `*.x`. At most 253 bytes, so that nothing has to be added to stay below NAME_MAX.
 * RefusedError for what is no hostname.
 */
export function recordName(hostname: string): string {
  if (hostname.length > 253 || !hostnamePattern.test(hostname)) {
    throw new RefusedError('HostnameInvalid', `"${hostname.slice(0, 80)}" is not a hostname.`);
  }
  return hostname.startsWith('*') ? `_${hostname.slice(1)}` : hostname;
}

/** The hostname a record's file name stands for. */
export function hostnameOf(name: string): string {
  return name.startsWith('_') ? `*${name.slice(1)}` : name;
}

/** A record as the Lua code reads it. */
export function renderRecord(site: Site): string {
  return JSON.stringify(site);
}

/** The record in a text; `undefined` for what nobody of ours wrote. */
export function parseRecord(text: string): Site | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isOurs = isRecord(value) && typeof value['owner'] === 'string' && isRecord(value['serve']);
    return isOurs ? (value as unknown as Site) : undefined;
  } catch {
    return undefined;
  }
}
