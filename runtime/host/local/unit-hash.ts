import { createHash } from 'node:crypto';
import { canonicalJson } from '#runtime/base/json.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';

/** Equal for equal units; tells nothing about the values in them. */
export function hashUnit(unit: ServiceUnit): string {
  return createHash('sha256').update(canonicalJson(unit)).digest('hex').slice(0, 32);
}
