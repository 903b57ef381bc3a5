import type { Action } from '#runtime/plan/plan.ts';

/**
 * One thing that can be brought into a wanted state: a daemon on this machine, a tree of files, or child objects in the API.
 * `State` is what one owner has in it: one type for wanted and found. `World` is what the driver acts on (`{ host }`, `{ client, cache }`).
 *
 * Flow: observe → of → plan → apply (each action) → settle (once per batch, where a driver has it).
 * Guarantees a driver gives: observe changes nothing and reads, in a number of calls that does not grow with the owners, all that we made here
 * (by file name, comment or table row); of, normalize and plan are pure and total; plan is ordered, and empty when the wanted state stands;
 * apply and settle may be repeated at any time, also after a crash half-way.
 * It may assume: never called twice at once for one owner; the loop keeps a snapshot until an action or a drift event touches it, and batches settle.
 * Errors: HostError (retried with back-off), RefusedError when the daemon rejects the configuration (retried when the spec changes).
 */
export interface Driver<Name extends string, Snapshot, State, A extends Action<Name>, World> {
  readonly name: Name;
  /** The state of an owner that has nothing here; what deletion asks for. */
  readonly nothing: State;
  /** Brings a wanted state into the spelling that observe returns, so that equal means equal. */
  normalize(desired: State): State;
  observe(world: World, signal: AbortSignal): Promise<Snapshot>;
  /** The snapshot after these actions were applied, without looking again; `undefined` asks the loop to observe anew. */
  advance?(snapshot: Snapshot, done: readonly A[]): Snapshot | undefined;
  /** What one owner has in a snapshot. */
  of(owner: Owner, snapshot: Snapshot): State;
  /**
   * Everybody, as `ownerId` writes it, for whom there is something here that must not outlive its object: it serves. Only what is known to be of this
   * installation. Absent where nothing serves.
   */
  owners?(snapshot: Snapshot): Iterable<string>;
  /**
   * What becomes of what is here for somebody whose object is gone: it serves no more, so that `owners` names them no more, and data stays: that never goes for
   * want of an object. Pure; absent: `nothing`, since all of it can be made again.
   */
  orphaned?(owner: Owner, observed: State): State;
  /** Whether nobody but us has changed what was found, so that whatever differs is wanted anew and no drift; `undefined`, or absent: it cannot be told. Pure. */
  isAsLeft?(observed: State): boolean | undefined;
  plan(owner: Owner, desired: State, observed: State): readonly A[];
  /** What is here already, of whomever, that forbids the wanted state: the object is refused as a whole. Pure; absent: never anything. */
  conflict?(desired: State, snapshot: Snapshot): Conflict | undefined;
  /** What still has to end by itself before the wanted state stands, as a sentence (a child object under its finalizers). Pure; absent: never anything. */
  waitsFor?(owner: Owner, desired: State, observed: State): string | undefined;
  /** True: what it changes are objects in the API, where everybody sees them. They are told in no event. */
  readonly writesApi?: true;
  /** Ops that look rather than change: they are told in no event, and in the log only when they fail. Absent: none. */
  readonly looks?: readonly A['op'][];
  apply(action: A, world: World, signal: AbortSignal): Promise<void>;
  /** Once after a batch of actions of one or more owners: check, then reload where the daemon needs it. Absent: an action is whole by itself. */
  settle?(done: readonly A[], world: World, signal: AbortSignal): Promise<void>;
  /** Calls back with the owners whose state somebody else changed; every owner when undefined. Absent: nothing to notice. */
  watchDrift?(
    world: World,
    onDrift: (owners: readonly string[] | undefined) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The word for the object's condition, and the sentence. */
export interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** The object for which something exists. Marks on a host carry all of it: after a rebuild from Git the uid differs, and the same name adopts what is there. */
export interface Owner {
  readonly kind: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** `Domain/acme/shop`: how an owner is written in marks and subjects. Equal for the same name after a rebuild. */
export function ownerId(owner: Owner): string {
  return `${owner.kind}/${owner.namespace === '' ? '' : `${owner.namespace}/`}${owner.name}`;
}
