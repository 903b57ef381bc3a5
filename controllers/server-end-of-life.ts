import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Engine } from './database-names.ts';

/**
 * When the makers of a server release something for a version for the last time.
 * Sources: https://www.postgresql.org/support/versioning/ and https://mariadb.org/about/#maintenance-policy, as of November 2026.
 */
const lastDays: Readonly<Record<Engine, Readonly<Record<string, string>>>> = {
  PostgreSQL: {
    '13': '2025-11-13',
    '14': '2026-11-12',
    '15': '2027-11-11',
    '16': '2028-11-09',
    '17': '2029-11-08',
    '18': '2030-11-14',
  },
  MariaDB: {
    '10.5': '2025-06-24',
    '10.6': '2026-07-06',
    '10.11': '2028-02-16',
    '11.4': '2029-05-29',
    '11.8': '2028-06-04',
  },
};

/** How many numbers of a version name what is maintained: `15` of 15.18, `10.11` of 10.11.19. */
const numbers: Readonly<Record<Engine, number>> = { PostgreSQL: 1, MariaDB: 2 };

/** RFC 3339; `undefined` where it is not known here. */
export function endOfLifeOf(engine: Engine, version: string): string | undefined {
  const day = lastDays[engine][version.split('.').slice(0, numbers[engine]).join('.')];
  return day === undefined ? undefined : `${day}T00:00:00Z`;
}

interface Mended {
  readonly serverVersion?: string | undefined;
  /** RFC 3339; absent where it is not known. */
  readonly serverEndOfLife?: string | undefined;
}

/** ServerSupported, where it is known how long a version is mended. */
export function supportedOf(
  { serverVersion: version, serverEndOfLife: endOfLife }: Mended,
  now: string,
): readonly Omit<ConditionStatement, 'observedGeneration'>[] {
  if (version === undefined || endOfLife === undefined) return [];
  const day = endOfLife.slice(0, 10);
  if (Date.parse(now) < Date.parse(endOfLife)) {
    const message = `Version ${version} of the server is mended by its makers until ${day}.`;
    return [{ type: 'ServerSupported', status: 'True', reason: 'Maintained', message }];
  }
  const message = `Version ${version} of the server is mended by its makers no more since ${day}; move to a newer one.`;
  return [{ type: 'ServerSupported', status: 'False', reason: 'EndOfLife', message }];
}
