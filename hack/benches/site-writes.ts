import type { Change, Store } from '#runtime/storage/store.ts';

/** One change of one key, as the product made it. */
export interface Write {
  readonly key: string;
  /** Undefined for a deletion. */
  readonly bytes: number | undefined;
}

/** What the product wrote into its etcd while somebody watched. */
export interface WriteLog {
  /** All writes that are not leases, events, or the notes that the server keeps for itself. */
  readonly writes: readonly Write[];
  readonly readyCount: number;
  /** Per collection, everything included. */
  readonly counts: ReadonlyMap<string, number>;
  /** Resolves when so many objects of the collection have Ready=True. */
  ready(count: number): Promise<void>;
  close(): void;
}

const prefix = '/registry/';
/** Told to people, or renewed by time alone: no part of what makes a site. */
const uncounted = /^(?:coordination\.k8s\.io\/leases|core\/events|events\.k8s\.io\/events)$/;

/** Follows etcd itself, so whatever anybody writes is seen. `plural` says of what objects it is told how many are Ready. */
export async function watchWrites(store: Store, plural = 'domains'): Promise<WriteLog> {
  const ofInterest = `hosting.wcp360.io/${plural}`;
  const closed = new AbortController();
  const writes: Write[] = [];
  const counts = new Map<string, number>();
  const readyKeys = new Set<string>();
  const waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  const start = await store.currentRevision();
  const note = ({ key, value }: Change): void => {
    const collection = key.slice(prefix.length).split('/').slice(0, 2).join('/');
    counts.set(collection, (counts.get(collection) ?? 0) + 1);
    if (!uncounted.test(collection)) writes.push({ key, bytes: value?.length });
    if (collection === ofInterest && value !== undefined && isReady(value)) readyKeys.add(key);
  };
  const follow = async (): Promise<void> => {
    for await (const { changes } of store.watch(prefix, start, closed.signal)) {
      for (const change of changes) note(change);
      for (const waiter of waiters) if (readyKeys.size >= waiter.count) waiter.resolve();
    }
  };
  follow().catch(() => undefined);
  return {
    writes,
    counts,
    get readyCount() {
      return readyKeys.size;
    },
    ready: (count) =>
      new Promise((resolve) => {
        if (readyKeys.size >= count) resolve();
        else waiters.push({ count, resolve });
      }),
    close: () => closed.abort(),
  };
}

function isReady(value: Buffer): boolean {
  if (!value.includes('"type":"Ready"')) return false;
  const { status } = JSON.parse(value.toString('utf8')) as {
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  };
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
}
