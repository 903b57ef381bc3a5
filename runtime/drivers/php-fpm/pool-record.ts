import { isRecord } from '#runtime/base/json.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { PhpPool } from './model.ts';

/** Where pools stand as data, one file each; only root may enter. */
export function poolsDirectory(root: string): string {
  return `${root}/run/pools`;
}

/** The path of a pool's record. RefusedError for a name that is not made of labels. */
export function recordPath(root: string, name: string): string {
  if (!/^[a-z0-9][a-z0-9.-]{0,245}$/.test(name))
    throw new RefusedError('PoolNameInvalid', `"${name}" cannot name a PHP pool.`);
  return `${poolsDirectory(root)}/${name}.json`;
}

/** The pool's name in a record's file name; `undefined` for other files. */
export function poolNameOfFile(file: string): string | undefined {
  return file.endsWith('.json') ? file.slice(0, -'.json'.length) : undefined;
}

/** The pool in a record; `undefined` for what nobody of ours wrote. */
export function parsePool(text: string): PhpPool | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isOurs = isRecord(value) && typeof value['owner'] === 'string' && typeof value['version'] === 'string';
    return isOurs ? (value as unknown as PhpPool) : undefined;
  } catch {
    return undefined;
  }
}
