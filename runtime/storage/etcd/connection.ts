import type { Clock } from '#runtime/base/clock.ts';
import { abortable } from '#runtime/base/abortable.ts';
import { isTransient, isUnsent, typedError } from './etcd-errors.ts';
import type { Member } from './member.ts';
import { openMembers } from './members.ts';
import type { EtcdOptions } from './options.ts';

/** One call to whichever member of the cluster is asked at the moment. */
export type EtcdCall<T> = (member: Member, bounds: CallBounds) => Promise<T>;

/** The raw calls of one etcd cluster, each bounded in time, with our errors. */
export interface EtcdConnection {
  /** The member that is asked at the moment. */
  current(): Member;
  /** Makes one call that etcd carries out at most once. The outcome of a write is unknown when it rejects with HostError. */
  once<T>(name: string, call: EtcdCall<T>, signal?: AbortSignal): Promise<T>;
  /** The same for calls that may be repeated: one that broke off is tried again up to two times. */
  repeated<T>(name: string, call: EtcdCall<T>, signal?: AbortSignal): Promise<T>;
  close(): void;
}

/** Milliseconds since the epoch at which gRPC gives a call up. */
export interface CallBounds {
  readonly deadline: number;
}

const tries = 3;

/** Connects when first used. */
export function connectEtcd(options: EtcdOptions, clock: Clock): EtcdConnection {
  const requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
  const members = openMembers(options, clock);
  async function attempt<T>(name: string, call: EtcdCall<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const member = members.current();
    try {
      return await abortable(member.heard(call(member, { deadline: clock.now() + requestTimeoutMs })), signal);
    } catch (err) {
      throw signal?.aborted === true ? signal.reason : typedError(name, err);
    }
  }
  function calling(mayRepeat: (err: unknown) => boolean): EtcdConnection['once'] {
    return async (name, call, signal) => {
      for (let tried = 1; ; tried++) {
        try {
          return await attempt(name, call, signal);
        } catch (err) {
          if (!isTransient(err)) throw err;
          const settled = members.doubt();
          if (tried === tries || !mayRepeat(err)) throw err;
          await abortable(settled, signal);
        }
      }
    };
  }
  return { current: members.current, once: calling(isUnsent), repeated: calling(() => true), close: members.close };
}
