import { createHash, randomBytes } from 'node:crypto';

/** How long things last, in milliseconds. */
export interface SessionTimes {
  /** From the making of a token to its use. */
  readonly tokenMs: number;
  /** Without a request. */
  readonly idleMs: number;
  /** In all. */
  readonly lifeMs: number;
}

/** Who was let in, and for what. */
export interface ClientSession<Subject> {
  /** Names it in paths and logs; nobody gets in by it. */
  readonly id: string;
  readonly subject: Subject;
}

/**
 * Sessions of people's browsers, in memory alone. One begins by a token, which is good once and for a short time, and goes on by a cookie. Either has 256 bits of
 * chance and is known here by its hash: what is not known by heart cannot be read from here, nor guessed by how long an answer takes.
 */
export interface ClientSessions<Subject> {
  /** A way in for who may have one. */
  grant(subject: Subject): { readonly token: string; readonly expiresAtMs: number };
  /** The cookie for a token; `undefined` when there is no such token, or there was. */
  redeem(token: string): string | undefined;
  /** Counts as use. */
  enter(cookie: string): ClientSession<Subject> | undefined;
  /** Ends it; what ended. */
  leave(cookie: string): ClientSession<Subject> | undefined;
  /** Ends what has had its time, and what is not `stillGood`; what ended. */
  sweep(stillGood: (subject: Subject) => boolean): readonly ClientSession<Subject>[];
  /** Tokens and sessions of this kind. */
  count(of: (subject: Subject) => boolean): number;
}

interface Granted<Subject> {
  readonly subject: Subject;
  readonly expiresAtMs: number;
}

interface Running<Subject> extends ClientSession<Subject> {
  readonly endsAtMs: number;
  idleAtMs: number;
}

export function createClientSessions<Subject>(times: SessionTimes, now: () => number): ClientSessions<Subject> {
  const granted = new Map<string, Granted<Subject>>();
  const running = new Map<string, Running<Subject>>();
  const isOver = ({ endsAtMs, idleAtMs }: Running<Subject>): boolean => now() >= Math.min(endsAtMs, idleAtMs);
  return {
    grant: (subject) => {
      const token = chance();
      const expiresAtMs = now() + times.tokenMs;
      granted.set(digest(token), { subject, expiresAtMs });
      return { token, expiresAtMs };
    },
    redeem: (token) => {
      const key = digest(token);
      const found = granted.get(key);
      granted.delete(key);
      if (found === undefined || now() >= found.expiresAtMs) return undefined;
      const cookie = chance();
      const session = { id: randomBytes(8).toString('hex'), subject: found.subject };
      running.set(digest(cookie), { ...session, endsAtMs: now() + times.lifeMs, idleAtMs: now() + times.idleMs });
      return cookie;
    },
    enter: (cookie) => {
      const session = running.get(digest(cookie));
      if (session === undefined || isOver(session)) return undefined;
      session.idleAtMs = now() + times.idleMs;
      return session;
    },
    leave: (cookie) => {
      const key = digest(cookie);
      const session = running.get(key);
      running.delete(key);
      return session;
    },
    sweep: (stillGood) => {
      for (const [key, { subject, expiresAtMs }] of granted)
        if (now() >= expiresAtMs || !stillGood(subject)) granted.delete(key);
      const ended = [...running].filter(([, session]) => isOver(session) || !stillGood(session.subject));
      for (const [key] of ended) running.delete(key);
      return ended.map(([, session]) => session);
    },
    count: (of) => [...granted.values(), ...running.values()].filter(({ subject }) => of(subject)).length,
  };
}

function chance(): string {
  return randomBytes(32).toString('base64url');
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}
