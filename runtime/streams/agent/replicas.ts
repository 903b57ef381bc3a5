import type { ServerHttp2Session } from 'node:http2';

/** Who a replica of the gateway is, and who else it knows of, itself included. */
export interface ReplicaWord {
  readonly self: string;
  readonly all: readonly string[];
}

/** What an agent knows of the gateway's replicas: each tells it over its own tunnel, and again when that changes. */
export interface ReplicaWords {
  /** Whether this tunnel is the one by which that replica is to come: the first that led there and lives. */
  hear(session: ServerHttp2Session, word: ReplicaWord): boolean;
  /** Resolves once the replica behind this tunnel has said who it is: whether the tunnel is in use. Rejects when the signal aborts or it breaks. */
  introduction(session: ServerHttp2Session, signal: AbortSignal): Promise<boolean>;
  /** Whether there is a replica without a tunnel. */
  missing(): boolean;
  /** Resolves with true once there is one, with false when the signal aborts. */
  untilMissing(signal: AbortSignal): Promise<boolean>;
}

export function createReplicaWords(): ReplicaWords {
  const tunnels = new Map<string, ServerHttp2Session>();
  const kept = new WeakMap<ServerHttp2Session, boolean>();
  let wanted: ReadonlySet<string> = new Set();
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  const missing = (): boolean => tunnels.size === 0 || [...wanted].some((id) => !tunnels.has(id));
  const keep = (id: string, session: ServerHttp2Session): void => {
    tunnels.set(id, session);
    session.on('close', () => {
      tunnels.delete(id);
      tell();
    });
  };
  const when = async (holds: () => boolean, signal: AbortSignal): Promise<boolean> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (signal.aborted || holds()) resolve(!signal.aborted);
    };
    watchers.add(look);
    signal.addEventListener('abort', look);
    look();
    const held = await promise;
    watchers.delete(look);
    signal.removeEventListener('abort', look);
    return held;
  };
  return {
    hear: (session, { self, all }) => {
      wanted = new Set(all);
      if (!tunnels.has(self)) keep(self, session);
      const isKept = tunnels.get(self) === session;
      kept.set(session, isKept);
      tell();
      return isKept;
    },
    introduction: async (session, signal) => {
      session.on('close', tell);
      await when(() => kept.has(session) || session.destroyed, signal);
      const isKept = kept.get(session);
      if (isKept !== undefined && !session.destroyed) return isKept;
      session.destroy();
      throw new Error('the tunnel ended before the gateway said who it is');
    },
    missing,
    untilMissing: (signal) => when(missing, signal),
  };
}
