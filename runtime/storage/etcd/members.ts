import type { Clock } from '#runtime/base/clock.ts';
import type { EtcdOptions } from './options.ts';
import { askRevision, openMember, type Member } from './member.ts';

/** Which member of a cluster is asked. */
export interface Members {
  current(): Member;
  /** To be called when a call broke off: resolves when it is known whether another member has to be asked. */
  doubt(): Promise<void>;
  close(): void;
}

const askEveryMs = 1_000;

/** How long a member may take to say what a majority agrees on. A leader is elected within one to two seconds. */
const answerWithinMs = 2_500;

/**
 * Asks one member for everything, as long as it answers: every second it has to tell the cluster's revision, which it can only while it is with the majority.
 * When it does not, all are asked over new connections, and the first that answers takes over; calls and streams of the one that is left break off.
 * So a connection that is half open, a member that stands still and one that is cut off from the others are all left within four seconds.
 */
export function openMembers(options: EtcdOptions, clock: Clock): Members {
  const { endpoints, tls } = options;
  const closed = new AbortController();
  let current = openMember(endpoints[Math.floor(Math.random() * endpoints.length)] ?? '', tls);
  let looking: Promise<void> | undefined;

  async function answers(member: Member): Promise<Member> {
    await askRevision(member, { deadline: clock.now() + answerWithinMs });
    return member;
  }
  async function findAnother(): Promise<void> {
    const candidates = endpoints.map((endpoint) => openMember(endpoint, tls));
    const first = await Promise.any(candidates.map(answers)).catch(() => undefined);
    const isWanted = first !== undefined && !closed.signal.aborted;
    for (const member of candidates) if (!isWanted || member !== first) member.leave();
    if (!isWanted) return;
    const before = current;
    current = first;
    before.leave();
  }
  async function look(): Promise<void> {
    looking ??= answers(current)
      .then(() => undefined, findAnother)
      .finally(() => (looking = undefined));
    return looking;
  }
  async function watchOver(): Promise<void> {
    while (!closed.signal.aborted) {
      await clock.sleep(askEveryMs, closed.signal).catch(() => undefined);
      if (!closed.signal.aborted) await look();
    }
  }
  void watchOver();
  return {
    current: () => current,
    doubt: look,
    close: () => {
      closed.abort();
      current.leave();
    },
  };
}
