import type { KindDefinition, ResourceOf, StatusOf } from '#schemas/meta/kind.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Share } from '#runtime/base/shares.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Cache, CacheIndex } from './cache.ts';

/** Why nothing is done yet. Not an error: the watch, or `retryAfterMs`, brings the object back. */
export interface Pending {
  readonly pending: { readonly reason: string; readonly message: string; readonly retryAfterMs?: number };
}

/** Why nothing will be done until somebody changes the object, or something it depends on. Shown as `Stalled`. */
export interface Refused {
  readonly refused: { readonly reason: string; readonly message: string };
}

/** Any driver that acts on `W`: its snapshot, state and actions are known to itself alone. */
// oxlint-disable-next-line typescript/no-explicit-any -- variance: a state goes in and comes out, so neither unknown nor never fits
export type AnyDriver<W> = Driver<string, any, any, any, W>;

/** The drivers of a controller, by the name under which `desired` speaks to each. `W` is what all of them need to act. */
export type DriverSet<W> = Readonly<Record<string, AnyDriver<W>>>;

/** The state type of a driver. */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
export type StateOf<D> = D extends Driver<string, any, infer State, any, any> ? State : never;

/** One state per driver. */
export type Desired<D> = { readonly [K in keyof D]: StateOf<D[K]> };

/** How a round ended; the only thing besides the observed state that `status` may tell. */
export type Outcome =
  | { readonly phase: 'pending'; readonly reason: string; readonly message: string }
  | { readonly phase: 'refused'; readonly reason: string; readonly message: string }
  | { readonly phase: 'synced' }
  /** A policy (`drift: Warn | Observe`, pause) held these back. */
  | { readonly phase: 'drifted'; readonly withheld: readonly Action[] }
  | {
      readonly phase: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly attempts: number;
      readonly nextTryAt: string;
    };

/** What an outside look found after everything was applied (design §2.8). */
export interface ProbeResult {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
  /** What was found, for the status: a serial number. */
  readonly found?: string;
}

/** What `status` is made from. `observed` is absent while pending or refused. */
export interface StatusInput<Inputs, D> {
  readonly inputs: Inputs | undefined;
  readonly observed: Desired<D> | undefined;
  readonly outcome: Outcome;
  readonly probes: readonly ProbeResult[];
  /** RFC 3339. */
  readonly now: string;
}

/** The part of a status that one controller owns: its fields, and its conditions by type. Applied server-side under its own field manager. */
export interface StatusPatch<D extends KindDefinition> {
  readonly fields: Partial<Omit<StatusOf<D> & object, 'conditions'>>;
  readonly conditions: readonly Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>[];
}

/** A change of another kind that puts objects of this controller's kind into the queue. */
export interface Watch {
  readonly kind: KindDefinition;
  /** The keys to look at again. Pure, from the cache only. */
  readonly keysOf: (changed: KubeObject, cache: Cache) => readonly ObjectKey[];
  /** False: nobody here goes by what has changed. `previous` is absent for an object that was not there. Absent: each change counts. Pure. */
  readonly isNews?: (
    changed: KubeObject,
    previous: KubeObject | undefined,
    type: 'added' | 'modified' | 'deleted',
  ) => boolean;
}

/** Finalizers of other controllers. */
export interface Holders {
  readonly add: readonly string[];
  readonly drop: readonly string[];
}

/** What a controller does with drift and with pause. */
export type DriftPolicy = 'Enforce' | 'Warn' | 'Observe';

/**
 * What one kind means, on the cluster's side or on a host. The loop (`Reconciler`) does everything else: finalizer, order, retries,
 * events, metrics, status writes, pause, drift policy.
 */
export interface Controller<K extends KindDefinition, W, D extends DriverSet<W>, Inputs> {
  /** `domain.cluster`, `domain.host`: names the queue, the metrics and the field manager. */
  readonly name: string;
  readonly kind: K;
  /** Set before anything is made, dropped when nothing is left; absent for controllers that leave nothing behind. */
  readonly finalizer?: string;
  /** Who puts the finalizer there: the loop itself, or another controller (then the loop waits for it). */
  readonly finalizerSetBy?: 'loop' | 'placement';
  /**
   * For other controllers, which work on the object soon: their finalizers are set in one write with the loop's own, before the status names who they are,
   * and dropped where nobody is left to do so. All else is theirs: whoever is done drops its own.
   */
  readonly holdsFor?: (object: ResourceOf<K>, cache: Cache) => Holders;
  /** True: what is here for the object is taken down as if it was being deleted, and only the finalizer goes. Absent: never. */
  readonly leaves?: (object: ResourceOf<K>) => boolean;
  /** In the order of creation; deletion runs through them backwards. */
  readonly drivers: D;
  readonly watches: readonly Watch[];
  readonly indexes?: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[];
  /** False: this object is somebody else's (another host's). Absent: all are ours. */
  readonly concerns?: (object: ResourceOf<K>) => boolean;
  /** The only reader of other objects; from the cache, never from the network. Called for deleting objects, too. */
  readonly gather: (object: ResourceOf<K>, cache: Cache) => Inputs | Pending | Refused;
  /** Pure. */
  readonly desired: (object: ResourceOf<K>, inputs: Inputs) => Desired<D>;
  /**
   * What a deleted object, or one that leaves, has here still (kept data); every driver's `nothing` when absent. `inputs` is absent while gather is pending or refuses;
   * Pending when nothing may be taken down yet. Pure.
   */
  readonly afterDeletion?: (object: ResourceOf<K>, inputs: Inputs | undefined) => Desired<D> | Pending;
  /** Rounds at once, where they wait more than they work; as many as the manager's other controllers have unless given. */
  readonly concurrency?: number;
  /** Of objects that have something in common which may hold up their rounds (whom they ask), only so many are worked on at once. Absent: none have. Pure. */
  readonly shareOf?: (object: ResourceOf<K>) => Share | undefined;
  readonly driftPolicy?: (object: ResourceOf<K>) => DriftPolicy;
  /**
   * True: what is wanted now is not the object's own wish (a limit, a suspension). Its drift policy holds none of it back, nor does one part of it that fails
   * hold back another. Absent: never. Pure.
   */
  readonly isImposed?: (object: ResourceOf<K>, inputs: Inputs, observed: Desired<D>) => boolean;
  /** `undefined` while the object has no status yet and another controller's answer, without which there is nothing to tell, is on its way. Pure. */
  readonly status: (object: ResourceOf<K>, input: StatusInput<Inputs, D>) => StatusPatch<K> | undefined;
  /** Looks from outside, once everything is applied; bounded, changes nothing. */
  readonly probe?: (
    object: ResourceOf<K>,
    inputs: Inputs,
    world: W,
    signal: AbortSignal,
  ) => Promise<readonly ProbeResult[]>;
  /** When work is due that no change announces (a schedule, an expiry), in epoch ms. Pure. */
  readonly due?: (object: ResourceOf<K>, now: number) => number | undefined;
}

/** Any controller whose drivers act on `W`; its kind and inputs are known to itself alone. */
// oxlint-disable-next-line typescript/no-explicit-any -- variance, as for AnyDriver
export type AnyController<W> = Controller<any, W, any, any>;

/** Keeps the literal types of a controller together. */
export function defineController<K extends KindDefinition, W, D extends DriverSet<W>, Inputs>(
  controller: Controller<K, W, D, Inputs>,
): Controller<K, W, D, Inputs> {
  return controller;
}

/** True for the answers of `gather` that are not inputs. */
export function isPending(value: unknown): value is Pending {
  return typeof value === 'object' && value !== null && 'pending' in value;
}

/** True when `gather` found that the object can not be carried out as written. */
export function isRefused(value: unknown): value is Refused {
  return typeof value === 'object' && value !== null && 'refused' in value;
}
