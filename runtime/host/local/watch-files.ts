import { watch as watchDirectory } from 'node:fs';
import { watch as watchTree } from 'chokidar';
import { abortable } from '#runtime/base/abortable.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { OwnWrites } from './own-writes.ts';

/** What one watch needs. */
export interface WatchOptions {
  readonly directory: string;
  readonly ownWrites: OwnWrites;
  readonly onChange: (path: string) => void;
}

/** One kernel watch for a directory with very many files; nothing below its subdirectories is seen. */
export function watchFlat(options: WatchOptions, signal: AbortSignal): void {
  const { directory, ownWrites } = options;
  signal.throwIfAborted();
  ownWrites.cover(directory);
  const watcher = watchDirectory(directory, { persistent: false });
  watcher.on('change', (_event, name) => {
    if (typeof name === 'string' && !name.startsWith('.')) tellUnlessOwn(options, `${directory}/${name}`);
  });
  watcher.on('error', () => options.onChange(directory));
  signal.addEventListener('abort', () => {
    watcher.close();
    ownWrites.uncover(directory);
  });
}

/** A whole tree, by chokidar: a kernel watch for each directory and file. Returns when all of it is watched. */
export async function watchDeep(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { directory, ownWrites } = options;
  signal.throwIfAborted();
  ownWrites.cover(directory);
  const watcher = watchTree(directory, { followSymlinks: false, ignoreInitial: true, persistent: false });
  watcher.on('all', (_event, path) => tellUnlessOwn(options, path));
  // The kernel watches so many files and no more, for one: what came unseen is found by looking.
  watcher.on('error', () => options.onChange(directory));
  signal.addEventListener('abort', () => {
    void watcher.close();
    ownWrites.uncover(directory);
  });
  const ready = new Promise<void>((resolve, reject) => {
    watcher.once('ready', resolve);
    watcher.once('error', (err) =>
      reject(new HostError(`cannot watch "${directory}"`, { path: directory }, { cause: err })),
    );
  });
  await abortable(ready, signal);
}

function tellUnlessOwn(options: WatchOptions, path: string): void {
  if (!options.ownWrites.isOwn(path)) options.onChange(path);
}
