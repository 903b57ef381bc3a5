import { createHash } from 'node:crypto';
import { isRecord } from '#runtime/base/json.ts';
import { HostError } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Orphans, RemovalGuard } from '#runtime/manager/removal-guard.ts';
import { namespaceKind } from '#schemas/meta/builtin.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { createAlarmBell, type Alarm, type AlarmBell, type AlarmBellOptions } from './alarm.ts';

export interface StoreGuardOptions extends AlarmBellOptions {
  readonly host: Host;
  /** How often it is looked again while something is not as it should be; 5 s. */
  readonly lookMs?: number;
}

const defaultLookMs = 5_000;
const hourMs = 3_600_000;
/** Up to here orphans are single mishaps. */
const fewOrphans = { count: 5, share: 0.1 };

interface State {
  /** The namespace's uid as it was remembered on the machine; `undefined` on a machine that has never served. */
  remembered: string | undefined;
  /** Not known which store it is. */
  isChecking: boolean;
  otherStore: Alarm | undefined;
  vanished: Alarm | undefined;
  /** The word that was written on the Host last. */
  confirmed: string | undefined;
  readonly takenDown: { readonly atMs: number; readonly count: number }[];
}

/**
 * Knows a store by the uid of namespace `wcp360-system`, remembered in `<root>/run/store.json`.
 *
 * | finding                                                  | what happens                                                          |
 * | the namespace has the uid remembered, or none was        | removals go on                                                        |
 * | it has another uid, or is not there                      | StoreChanged; nothing is taken down until the new uid is confirmed    |
 * | more than 5 and 10 % of the owners are orphans in an hour| ManyObjectsVanished; orphans go on being served until confirmed       |
 * | it cannot be found out                                   | nothing is taken down, and it is tried again                          |
 *
 * Resolves when the store was looked at once, or could not be.
 */
export async function createStoreGuard(options: StoreGuardOptions): Promise<RemovalGuard> {
  const { host, clock, signal, log, lookMs = defaultLookMs } = options;
  const bell = createAlarmBell(options);
  const state: State = {
    remembered: await readRemembered(host, signal),
    isChecking: true,
    otherStore: undefined,
    vanished: undefined,
    confirmed: undefined,
    takenDown: [],
  };
  const listeners: (() => void)[] = [];
  const look = async (): Promise<void> => {
    const before = alarmsOf(state).length + Number(state.isChecking);
    await lookAtStore(options, bell, state);
    if (alarmsOf(state).length + Number(state.isChecking) < before || isConfirmed(state)) listeners.forEach((tell) => tell());
  };
  let wake = Promise.withResolvers<void>();
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      const isAtEase = !state.isChecking && alarmsOf(state).length === 0;
      await (isAtEase ? Promise.race([wake.promise, ended(signal)]) : clock.sleep(lookMs, signal).catch(() => undefined));
      wake = Promise.withResolvers<void>();
      if (!signal.aborted) await look().catch((err: unknown) => log.warn({ err }, 'the store could not be looked at'));
    }
  };
  await look().catch((err: unknown) => log.warn({ err }, 'the store could not be looked at'));
  void watch();
  return {
    hold: () => holdOf(state),
    suspect: () => {
      state.isChecking = true;
      wake.resolve();
    },
    releases: async (found) => {
      await lookAtStore(options, bell, state);
      if (holdOf(state) !== undefined) return false;
      state.vanished = vanishedOf(state, found, clock.now());
      await bell.show(alarmsOf(state));
      if (state.vanished !== undefined) {
        wake.resolve();
        return false;
      }
      state.takenDown.push({ atMs: clock.now(), count: found.orphans.length });
      return true;
    },
    onLift: (listener) => void listeners.push(listener),
  };
}
