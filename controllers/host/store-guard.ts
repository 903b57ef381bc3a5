import { HostError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Hold, Orphans, RemovalGuard } from '#runtime/manager/removal-guard.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { createAlarmBell, type Alarm, type AlarmBell, type AlarmBellOptions } from './alarm.ts';
import { createOrphanJudge, type OrphanJudge } from './orphan-judge.ts';
import { readRemembered, readStoreUid, rememberStore } from './store-identity.ts';

export interface StoreGuardOptions extends AlarmBellOptions {
  readonly host: Host;
  /** How often it is looked again while something is not as it should be; 5 s. */
  readonly lookMs?: number;
}

const defaultLookMs = 5_000;

/** What is known at the moment; all of it but what is remembered on the machine is found again by looking. */
interface State {
  isChecking: boolean;
  suspicions: number;
  otherStore: Alarm | undefined;
  vanished: Alarm | undefined;
  /** The word that was last seen on the Host. */
  word: string | undefined;
}

interface Guarding extends StoreGuardOptions {
  readonly bell: AlarmBell;
  readonly judge: OrphanJudge;
  readonly state: State;
}

/**
 * Knows a store by the uid of namespace `wcp360-system`, remembered in `<root>/run/store.json`.
 *
 * | finding                                                        | what happens                                                    |
 * | the uid is the one remembered, or none was                     | removals go on                                                  |
 * | it is another, or the namespace is not there                   | StoreChanged: nothing is taken down until the uid is confirmed  |
 * | orphans of one hour are more than 5 and than 10 % of all owners | ManyObjectsVanished: they are served until that is confirmed    |
 * | it cannot be found out                                         | nothing is taken down, and it is looked again                   |
 *
 * A person confirms by writing the word of the alarm on the Host (annotation `hosting.wcp360.io/confirm`); a word is good for one alarm only.
 * Resolves when the store was looked at once, or could not be.
 */
export async function createStoreGuard(options: StoreGuardOptions): Promise<RemovalGuard> {
  const { clock, signal, lookMs = defaultLookMs } = options;
  const state = unknownState();
  const guarding: Guarding = { ...options, bell: createAlarmBell(options), judge: createOrphanJudge(clock), state };
  const listeners: (() => void)[] = [];
  let wake = Promise.withResolvers<void>();
  const look = async (): Promise<void> => {
    const wasHeld = isHeld(state);
    await lookAgain(guarding);
    if (wasHeld && !isHeld(state)) for (const listener of listeners) listener();
  };
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      // What is at ease waits for a suspicion alone.
      const pause = isHeld(state) ? clock.sleep(lookMs, signal) : untilAborted(wake.promise, signal);
      await pause.catch(() => undefined);
      wake = Promise.withResolvers<void>();
      if (!signal.aborted) await look();
    }
  };
  await look();
  void watch();
  return {
    hold: () => holdOf(state),
    suspect: () => {
      state.isChecking = true;
      state.suspicions += 1;
      wake.resolve();
    },
    releases: async (found) => {
      await look();
      const isReleased = holdOf(state) === undefined && (await release(guarding, found));
      if (!isReleased) wake.resolve();
      return isReleased;
    },
    onLift: (listener) => void listeners.push(listener),
  };
}

function unknownState(): State {
  return { isChecking: true, suspicions: 0, otherStore: undefined, vanished: undefined, word: undefined };
}

function isHeld({ isChecking, otherStore, vanished }: State): boolean {
  return isChecking || otherStore !== undefined || vanished !== undefined;
}

function holdOf({ isChecking, otherStore }: State): Hold | undefined {
  if (otherStore !== undefined) return { reason: 'RemovalsHeld', message: otherStore.message };
  if (!isChecking) return undefined;
  return { reason: 'RemovalsHeld', message: 'The host takes nothing down until it has seen which store it serves.' };
}

async function lookAgain(guarding: Guarding): Promise<void> {
  const { state, log, signal } = guarding;
  const { suspicions } = state;
  try {
    await findStore(guarding);
    // What was suspected meanwhile is for the next look.
    state.isChecking = state.suspicions !== suspicions;
    if (state.vanished !== undefined && state.vanished.token === state.word) state.vanished = undefined;
    await show(guarding);
  } catch (err) {
    if (!signal.aborted) log.warn({ err }, 'which store is served could not be seen');
  }
}

async function findStore(guarding: Guarding): Promise<void> {
  const { client, host, state, signal } = guarding;
  const uid = await readStoreUid(client, signal);
  const remembered = await readRemembered(host, signal);
  if (remembered === undefined) {
    if (uid === undefined) throw new HostError(`there is no namespace ${SYSTEM_NAMESPACE} yet`);
    await rememberStore(host, uid, signal);
    return;
  }
  state.otherStore = uid === remembered ? undefined : otherStore(uid);
  if (state.otherStore === undefined) return;
  await show(guarding);
  if (uid === undefined || uid !== state.word) return;
  await rememberStore(host, uid, signal);
  state.otherStore = undefined;
}

function otherStore(uid: string | undefined): Alarm {
  const message =
    'The API server has another store behind it than the one this host has served; nothing is taken down.';
  return { type: 'StoreChanged', reason: 'OtherStore', message, ...(uid === undefined ? {} : { token: uid }) };
}

async function show({ bell, state }: Guarding): Promise<void> {
  state.word = await bell.show([state.otherStore, state.vanished].filter((alarm) => alarm !== undefined));
}

async function release(guarding: Guarding, found: Orphans): Promise<boolean> {
  const { state, judge } = guarding;
  state.vanished = judge.judge(found, state.word);
  await show(guarding);
  return state.vanished === undefined;
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
