import type { SourceTools } from './tools.ts';

/** Watches on directories of Sources: each tells of its owner once a change has come to rest. */
export interface DirectoryWatches {
  /** Watches from now on, unless that stands already; no directory, or none that is there: no watch. */
  begin(owner: string, path: string | undefined): Promise<void>;
  end(owner: string): void;
  /** Where changes are told, until the signal aborts. */
  follow(onDrift: (owners: readonly string[]) => void, signal: AbortSignal): Promise<void>;
}

interface Watch {
  readonly path: string;
  readonly stop: AbortController;
}

/** Several files are written one after the other: what is looked at in between would lack some. */
const quietMs = 400;
const longestMs = 2_500;

export interface DirectoryWatchesOptions {
  readonly tools: SourceTools;
  /** A look is under way: it may have seen the change or not, so it is told afterwards. */
  readonly isBusy: (owner: string) => boolean;
  readonly onStale: (owner: string) => void;
}

export function createDirectoryWatches({ tools, isBusy, onStale }: DirectoryWatchesOptions): DirectoryWatches {
  const watches = new Map<string, Watch>();
  let tell: (owners: readonly string[]) => void = () => undefined;
  let lifetime: AbortSignal | undefined;
  const end = (owner: string): void => {
    watches.get(owner)?.stop.abort();
    watches.delete(owner);
  };
  const begin = async (owner: string, path: string): Promise<void> => {
    const stop = new AbortController();
    const signal = lifetime === undefined ? stop.signal : AbortSignal.any([lifetime, stop.signal]);
    const onRest = (): void => {
      onStale(owner);
      tell([owner]);
    };
    await tools.workspace.watch(path, atRest({ tools, signal, isBusy: () => isBusy(owner), onRest }), signal);
    watches.set(owner, { path, stop });
  };
  return {
    end,
    begin: async (owner, path) => {
      const known = watches.get(owner);
      const isThere = path !== undefined && (await isDirectory(tools, path));
      if (isThere && known?.path === path) return;
      end(owner);
      if (isThere) await begin(owner, path);
    },
    follow: (onDrift, signal) => {
      tell = onDrift;
      lifetime = signal;
      return Promise.resolve();
    },
  };
}

async function isDirectory({ workspace }: SourceTools, path: string): Promise<boolean> {
  const nothing = { wants: () => false, maxFiles: 0, maxFileBytes: 0, maxBytes: 0 };
  const tree = await workspace.readTree(path, nothing, AbortSignal.timeout(quietMs)).catch(() => undefined);
  return tree !== undefined;
}

/** Calls back when no further call has come for a while, or after the longest wait. */
function atRest(options: {
  readonly tools: SourceTools;
  readonly signal: AbortSignal;
  readonly isBusy: () => boolean;
  readonly onRest: () => void;
}): () => void {
  const { clock } = options.tools;
  let lastMs = 0;
  let isWaiting = false;
  const wait = async (): Promise<void> => {
    const sinceMs = clock.now();
    for (let leftMs = quietMs; leftMs > 0;) {
      await clock.sleep(leftMs, options.signal);
      const untilMs = options.isBusy() ? clock.now() + quietMs : Math.min(lastMs + quietMs, sinceMs + longestMs);
      leftMs = untilMs - clock.now();
    }
    isWaiting = false;
    options.onRest();
  };
  return () => {
    lastMs = clock.now();
    if (isWaiting) return;
    isWaiting = true;
    wait().catch(() => undefined);
  };
}
