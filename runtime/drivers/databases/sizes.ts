import { isOtherSize } from './model.ts';

/** A database of ours, and what its tables and indexes take. */
export interface MeasuredDatabase {
  readonly name: string;
  /** `ownerId` of the object. */
  readonly owner: string;
  /** 0 for an empty one. */
  readonly bytes: number;
}

/** How large the databases of a machine are, as far as that matters. Lost with the process: measuring finds it again. */
export interface DatabaseSizes {
  /** Bytes of a database by its real name on the server of a driver; `undefined` while nobody has measured it. */
  of(driver: string, name: string): number | undefined;
  /** Takes what was found in place of all that was known of the server, and gives the owners of what has become another size. */
  note(driver: string, found: readonly MeasuredDatabase[]): readonly string[];
  /** One was put on the server of a driver: where it was not there when that was measured last, it holds nothing yet. */
  noteMade(driver: string, name: string): void;
}

/** Nothing is measured yet. */
export function createDatabaseSizes(): DatabaseSizes {
  const servers = new Map<string, Map<string, number>>();
  return {
    of: (driver, name) => servers.get(driver)?.get(name),
    noteMade: (driver, name) => {
      const known = servers.get(driver);
      if (known?.has(name) === false) known.set(name, 0);
    },
    note: (driver, found) => {
      const known = servers.get(driver);
      const changed = found.filter(({ name, bytes }) => {
        const before = known?.get(name);
        return before === undefined || isOtherSize(before, bytes);
      });
      const changes = new Map(changed.map(({ name, bytes }) => [name, bytes]));
      const sizes = found.map(({ name, bytes }) => [name, changes.get(name) ?? known?.get(name) ?? bytes] as const);
      servers.set(driver, new Map(sizes));
      return [...new Set(changed.map(({ owner }) => owner))];
    },
  };
}
