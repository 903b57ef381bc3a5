import { noop } from 'cockatiel';
import { Etcd3, GRPCUnavailableError } from 'etcd3';
import type { KVClient, LeaseClient, WatchClient } from 'etcd3';
import type { EtcdTls } from './options.ts';

/** Connections to one member of an etcd cluster. They are opened when first used. */
export interface Member {
  readonly endpoint: string;
  readonly kv: KVClient;
  readonly leases: LeaseClient;
  readonly watches: WatchClient;
  /** Aborts when the member is left: a stream of it ends then. */
  readonly left: AbortSignal;
  /** What `call` gives; rejects as unavailable when the member is left meanwhile. */
  heard<T>(call: Promise<T>): Promise<T>;
  leave(): void;
}

/** No key has this name: reading it costs etcd a look at its revision and nothing else. */
const nothing = { key: Buffer.from('\0'), count_only: true };

export function openMember(endpoint: string, tls: EtcdTls | undefined): Member {
  // Streams have a client of their own: etcd3 drops all channels of a client on which one call failed.
  const unary = openClient(endpoint, tls, {});
  const streams = openClient(endpoint, tls, streamOptions);
  const leaving = new AbortController();
  const waiting = new Set<(reason: unknown) => void>();
  return {
    endpoint,
    kv: unary.kv,
    leases: unary.leaseClient,
    watches: streams.watchClient,
    left: leaving.signal,
    heard: async (call) => {
      const { promise, reject } = Promise.withResolvers<never>();
      waiting.add(reject);
      try {
        return await Promise.race([call, promise]);
      } finally {
        waiting.delete(reject);
      }
    },
    leave: () => {
      const reason = new GRPCUnavailableError(`${endpoint} did not answer any more`);
      for (const reject of waiting) reject(reason);
      leaving.abort(reason);
      unary.close();
      streams.close();
    },
  };
}

/** The cluster's current revision as a majority of it knows it; what `bounds` says is the longest that it may take. */
export async function askRevision(member: Member, bounds: { readonly deadline: number }): Promise<number> {
  const { header } = await member.kv.range(nothing, bounds);
  return Number(header.revision);
}

/** Finds a stream that is half open in about 8 s; a little slower than etcd's least interval of 5 s, since it closes connections that ask faster. */
const streamOptions = { 'grpc.keepalive_time_ms': 5_250, 'grpc.keepalive_timeout_ms': 3_000 };

/** etcd3's own retries and circuit breaker are off: it would repeat transactions that had been applied. */
function openClient(endpoint: string, tls: EtcdTls | undefined, options: Readonly<Record<string, number>>): Etcd3 {
  return new Etcd3({
    hosts: endpoint,
    ...(tls === undefined
      ? {}
      : { credentials: { rootCertificate: tls.ca, privateKey: tls.key, certChain: tls.cert } }),
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: {
      // Off: they would repeat calls, or count them, behind our back, at a tenth of the CPU of a commit.
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_channelz': 0,
      // Members share nothing, so that a new connection to one is a new connection.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      ...options,
    },
  });
}
