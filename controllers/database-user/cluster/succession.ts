import { rfc3339 } from '#runtime/base/clock.ts';
import { besideOf, currentOf, type Password, type Passwords } from '#controllers/database-user/passwords.ts';
import { defined } from '#controllers/whereabouts.ts';

/** What a DatabaseUser, and the world around it, ask of its passwords; plain data. */
export interface Asked {
  /** Says which Secret of a person the password is in, and which version of it; absent: it is generated. */
  readonly given?: string;
  /** Somebody's request for another one. */
  readonly request?: string;
  readonly intervalMs?: number;
  readonly graceMs: number;
  /** What the server takes, by id. */
  readonly accepted: readonly string[];
  /** The one that is in the Secret of its users, by id; absent while that is not as it is to be. */
  readonly handedOut?: string;
}

/**
 * What is to be done next with the passwords of a DatabaseUser:
 *
 * | step    | when                                                        | then                                                            |
 * | ------- | ----------------------------------------------------------- | --------------------------------------------------------------- |
 * | Make    | there is none                                               | one is current                                                  |
 * | Follow  | the one that a person gave is another                       | that is current in the same login, and the only one; it is handed out once the server takes it |
 * | Begin   | somebody asks, or the current one has been used long enough, and the Secret has it | another one is next, in the other login; nobody knows it yet |
 * | Promote | the server takes the next one, and the Secret has it        | that is current; the one before is former                       |
 * | Forget  | the former one has been good long enough                    | the current one is the only one                                 |
 *
 * A rotation waits for the end of the one before: whoever was promised a period has it. It waits for the Secret, too: as long as that cannot be written,
 * what its users know works on.
 */
export type Step = 'Make' | 'Follow' | 'Begin' | 'Promote' | 'Forget';

/** The next step; `undefined` when all is as it should be for now. Pure. */
export function stepOf(found: Passwords | undefined, asked: Asked, nowMs: number): Step | undefined {
  if (found === undefined) return 'Make';
  if (asked.given !== undefined && asked.given !== found.given) return 'Follow';
  const beside = besideOf(found);
  if (beside === undefined) return isDue(found, asked, nowMs) ? 'Begin' : undefined;
  if (beside.state === 'Next') return asked.handedOut === beside.id ? 'Promote' : undefined;
  return nowMs >= formerEndMs(found, asked) ? 'Forget' : undefined;
}

function isDue(found: Passwords, asked: Asked, nowMs: number): boolean {
  if (asked.given !== undefined || asked.handedOut !== currentOf(found)?.id) return false;
  const nextMs = nextRotationMs(found, asked) ?? Number.POSITIVE_INFINITY;
  return (asked.request !== undefined && asked.request !== found.rotatedFor) || nowMs >= nextMs;
}

/** What is to be in the Secret of its users: the newest that the server takes. Pure. */
export function toHandOut(found: Passwords, accepted: readonly string[]): Password | undefined {
  const next = found.passwords.filter(({ state }) => state === 'Next');
  return [...next, currentOf(found)].find((each) => each !== undefined && accepted.includes(each.id));
}

/** When the former password ends, in ms since the epoch, where there is one. */
export function formerEndMs({ rotatedAt }: Passwords, { graceMs }: Pick<Asked, 'graceMs'>): number {
  return Date.parse(rotatedAt) + graceMs;
}

/** When the next one is made by time alone. */
export function nextRotationMs(
  { rotatedAt }: Passwords,
  { given, intervalMs }: Pick<Asked, 'given' | 'intervalMs'>,
): number | undefined {
  return intervalMs === undefined || given !== undefined ? undefined : Date.parse(rotatedAt) + intervalMs;
}

/** With what a step is taken. */
interface Taking {
  /** Of the password that is made, where one is: that of the current one when it is the same. */
  readonly id: string;
  readonly asked: Pick<Asked, 'given' | 'request'>;
  readonly nowMs: number;
}

/** What a step makes of them. Pure. */
export function afterStep(step: Step, found: Passwords | undefined, taking: Taking): Passwords {
  const current = found && currentOf(found);
  if (found === undefined || current === undefined) return alone('First', undefined, taking);
  return after[step]({ ...found, current }, taking);
}

type Found = Passwords & { readonly current: Password };

const after: Readonly<Record<Step, (found: Found, taking: Taking) => Passwords>> = {
  Make: ({ current }, taking) => alone(current.login, undefined, taking),
  Follow: ({ current, rotatedAt }, taking) =>
    alone(current.login, current.id === taking.id ? rotatedAt : undefined, taking),
  Begin: begun,
  Promote: promoted,
  Forget: ({ current, ...rest }) => ({ ...rest, passwords: [current] }),
};

/** One that there is no other beside of. */
function alone(login: Password['login'], since: string | undefined, { id, asked, nowMs }: Taking): Passwords {
  return {
    passwords: [{ id, login, state: 'Current' }],
    rotatedAt: since ?? rfc3339(nowMs),
    ...defined({ rotatedFor: asked.request, given: asked.given }),
  };
}

function begun({ current, ...rest }: Found, { id, asked }: Taking): Passwords {
  const login = current.login === 'First' ? 'Second' : 'First';
  const passwords: readonly Password[] = [current, { id, login, state: 'Next' }];
  return { ...rest, ...defined({ rotatedFor: asked.request }), passwords };
}

/** Of one that is generated nobody says any more that it was given. */
function promoted({ passwords, rotatedFor }: Found, { nowMs }: Taking): Passwords {
  const turned = passwords.map((each): Password => ({ ...each, state: each.state === 'Next' ? 'Current' : 'Former' }));
  return { passwords: turned.toReversed(), rotatedAt: rfc3339(nowMs), ...defined({ rotatedFor }) };
}
