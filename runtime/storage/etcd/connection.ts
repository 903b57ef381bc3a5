import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import type { KVClient, LeaseClient, WatchClient } from 'etcd3';
import { abortable } from '#runtime/storage/abortable.ts';
import { isTransient, typedError } from './etcd-errors.ts';

/** PEM. The client's certificate is shown to etcd; etcd's own must be signed by `ca` and name the host of its endpoint. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface EtcdOptions {
  /** `http://` or `https://` and host:port, all of one cluster. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  /** How long the store may take to answer for the first time; 10 s by default. */
  readonly dialTimeoutMs?: number;
  /** Bound of every call; 10 s by default. */
  readonly requestTimeoutMs?: number;
}

/** The raw calls of one etcd cluster, each bounded in time, with our errors. */
export interface EtcdConnection {
  readonly kv: KVClient;
  readonly leases: LeaseClient;
  readonly watches: WatchClient;
  /** Makes one call, once. The outcome of a write is unknown when it rejects with HostError. */
  once<T>(name: string, call: (options: CallBounds) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The same for calls that may be repeated: a broken connection is tried again up to two times. */
  repeated<T>(name: string, call: (options: CallBounds) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): void;
}

/** Milliseconds since the epoch at which gRPC gives a call up. */
export interface CallBounds {
  readonly deadline: number;
}

const tries = 3;

/**
 * Connects when first used. etcd3's own retries and circuit breaker are off: it would repeat transactions that had been applied.
 * Keep-alive pings find connections that are half open in about 8 s; they are a little slower than etcd's least interval of 5 s,
 * because etcd closes connections that ping faster, and timers may be early.
 */
export function connectEtcd(options: EtcdOptions): EtcdConnection {
  const requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
  // Streams have a client of their own: etcd3 drops all channels of a client on which one call failed.
  const unary = openClient(options);
  const streams = openClient(options);
  async function once<T>(name: string, call: (bounds: CallBounds) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await abortable(call({ deadline: Date.now() + requestTimeoutMs }), signal);
    } catch (err) {
      throw signal?.aborted === true ? signal.reason : typedError(name, err);
    }
  }
  async function repeated<T>(name: string, call: (bounds: CallBounds) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1; attempt < tries; attempt++) {
      try {
        return await once(name, call, signal);
      } catch (err) {
        if (!isTransient(err)) throw err;
      }
    }
    return once(name, call, signal);
  }
  return {
    kv: unary.kv,
    leases: unary.leaseClient,
    watches: streams.watchClient,
    once,
    repeated,
    close: () => {
      unary.close();
      streams.close();
    },
  };
}

function openClient(options: EtcdOptions): Etcd3 {
  return new Etcd3({
    hosts: [...options.endpoints],
    ...(options.tls === undefined
      ? {}
      : {
          credentials: {
            rootCertificate: options.tls.ca,
            privateKey: options.tls.key,
            certChain: options.tls.cert,
          },
        }),
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: {
      // Off: they would repeat calls, or count them, behind our back, at a tenth of the CPU of a commit.
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': 5_250,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
    },
  });
}
