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
