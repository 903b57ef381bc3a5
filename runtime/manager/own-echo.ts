import type { ObjectChange } from './informer-copy.ts';

export interface EchoFilterOptions {
  /** Whether the key is in back-off: only then does it matter who caused a change. */
  readonly isFailing: (key: string) => boolean;
  /** The resourceVersion that our last write of the key's status gave it. */
  readonly writtenRevision: (key: string) => string | undefined;
  readonly add: (key: string, change: ObjectChange) => void;
}

/**
 * Keeps the echo of our own status writes from defeating the back-off: a failed round writes how often it failed, that write comes back as a
 * change, and looking again at once would fail at once.
 *
 * A change is an echo when it brings exactly the revision that we wrote. It often arrives before the answer to the write does, so changes of a key
 * that is being worked on are judged when that round has ended; the queue would not give the key out earlier anyway. What a fresh read brings is never an echo.
 */
export interface EchoFilter {
  onChange(key: string, change: ObjectChange): void;
  begin(key: string): void;
  end(key: string): void;
}

export function createEchoFilter({ isFailing, writtenRevision, add }: EchoFilterOptions): EchoFilter {
  const held = new Map<string, ObjectChange[]>();
  const judge = (key: string, change: ObjectChange): void => {
    const { resourceVersion } = change.object.metadata;
    const isEcho = !change.filling && isFailing(key) && resourceVersion === writtenRevision(key);
    if (!isEcho) add(key, change);
  };
  return {
    onChange: (key, change) => {
      const waiting = held.get(key);
      if (waiting === undefined) judge(key, change);
      else waiting.push(change);
    },
    begin: (key) => void held.set(key, []),
    end: (key) => {
      const waiting = held.get(key) ?? [];
      held.delete(key);
      for (const change of waiting) judge(key, change);
    },
  };
}
