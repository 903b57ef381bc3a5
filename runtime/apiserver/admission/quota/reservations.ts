import type { CacheEvent, WatchCache } from '#runtime/storage/cache.ts';

/** One object that was let through and may not be in the cache yet. */
export interface Reservation {
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
}

/** A create is stored or has failed within this time: requests are bounded well below it. */
export const reservationMs = 30_000;
/** The same for a create of what exists: it is on its way to fail, unless the object goes at this very moment. */
const shortReservationMs = 2_000;

/** Reserved places whose object the cache does not show. */
export interface Unseen {
  readonly count: number;
  /** When the first of them ends; `undefined` when there is none. */
  readonly untilMs: number | undefined;
}

/**
 * Creates that quota admission has let through, until the cache shows them. Together with what the cache holds this is an upper bound of what exists,
 * whatever is on its way: that is why a recount never takes back a place that was just given.
 */
export interface Reservations {
  has(reservation: Reservation, nowMs: number): boolean;
  add(reservation: Reservation, nowMs: number): void;
  /** Those of a collection in a namespace whose object is not in the cache. */
  unseen(collection: string, namespace: string, nowMs: number): Unseen;
  observe(event: CacheEvent): void;
}

export function createReservations(cache: WatchCache): Reservations {
  /** By collection and namespace: name → end of the reservation. */
  const places = new Map<string, Map<string, number>>();
  const placeOf = (collection: string, namespace: string): string => `${collection}|${namespace}`;
  return {
    has: ({ collection, namespace, name }, nowMs) => {
      const until = places.get(placeOf(collection, namespace))?.get(name);
      return until !== undefined && nowMs < until;
    },
    add: ({ collection, namespace, name }, nowMs) => {
      const place = placeOf(collection, namespace);
      const names = places.get(place) ?? new Map<string, number>();
      const isThere = cache.get(collection, namespace, name) !== undefined;
      names.set(name, Math.max(names.get(name) ?? 0, nowMs + (isThere ? shortReservationMs : reservationMs)));
      places.set(place, names);
    },
    unseen: (collection, namespace, nowMs) => {
      const names = places.get(placeOf(collection, namespace)) ?? new Map<string, number>();
      let count = 0;
      let untilMs: number | undefined;
      for (const [name, until] of names) {
        if (nowMs >= until) names.delete(name);
        else if (cache.get(collection, namespace, name) === undefined) {
          count += 1;
          untilMs = Math.min(until, untilMs ?? until);
        }
      }
      if (names.size === 0) places.delete(placeOf(collection, namespace));
      return { count, untilMs };
    },
    observe: (event) => {
      // A deletion ends nothing: the same name may be on its way again.
      if (event.type !== 'added' || places.size === 0) return;
      const { collection, namespace, name } = event.current;
      const place = placeOf(collection, namespace);
      const names = places.get(place);
      if (names?.delete(name) === true && names.size === 0) places.delete(place);
    },
  };
}
