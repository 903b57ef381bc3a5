import { mariadbPaths } from './mariadb-settings.ts';
import type { ReadOnlyHost } from '#runtime/host/host.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';

/** Within this time of a change there may be another one that the clock of files does not tell from it. */
const settledMs = 2_000;

interface Known {
  readonly modifiedMs: number;
  readonly bytes: number;
}

/**
 * What the server of a machine keeps for a database beside the files of its tables: the text of views and triggers, and how tables look. Each is written beside and
 * renamed, so that a directory whose time is the same as before holds what it held.
 */
export function createFilesBeside(host: ReadOnlyHost): NonNullable<ServerHost['filesBeside']> {
  let known: ReadonlyMap<string, Known> = new Map();
  return async (databases, signal) => {
    const pathOf = (name: string): string => `${mariadbPaths(host.root).data}/${name}`;
    const directories = await host.factsOf(databases.map(pathOf), signal);
    const found = new Map<string, Known>();
    for (const name of databases) {
      const { modifiedMs } = directories.get(pathOf(name)) ?? {};
      if (modifiedMs === undefined) continue;
      const before = known.get(name);
      const isSame = before?.modifiedMs === modifiedMs;
      const now = Date.now();
      const bytes = isSame ? before.bytes : await bytesIn(pathOf(name), host, signal);
      found.set(name, { modifiedMs: now - modifiedMs > settledMs ? modifiedMs : Number.NaN, bytes });
    }
    known = found;
    return new Map([...found].map(([name, { bytes }]) => [name, bytes]));
  };
}

async function bytesIn(directory: string, host: ReadOnlyHost, signal: AbortSignal): Promise<number> {
  const entries = (await host.readDirectory(directory, signal)) ?? [];
  const paths = entries.filter(({ name }) => !name.endsWith('.ibd')).map(({ name }) => `${directory}/${name}`);
  const facts = await host.factsOf(paths, signal);
  return facts.values().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
