/** Those who wait for their order at one issuer, in the order in which they came. With thousands of them nobody's turn is found by a look at all. */
export interface OrderLine {
  /** How many are before this one, who stands in line from now on. */
  aheadOf(place: string, nowMs: number): number;
  /** Its turn has come. */
  leave(place: string): void;
}

/** Who has left without a word, since the Certificate was deleted or is for something else by now, is forgotten after that time. */
const refreshMs = 3_600_000;

/** `waiting` gives the places of all that wait, in no order: after a start, and now and then. A place tells who is before whom by its text. */
export function createOrderLine(waiting: () => readonly string[]): OrderLine {
  let places: string[] = [];
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  const refresh = (nowMs: number): void => {
    if (nowMs < freshUntilMs && nowMs >= freshUntilMs - refreshMs) return;
    places = [...waiting()].toSorted(compare);
    freshUntilMs = nowMs + refreshMs;
  };
  return {
    aheadOf: (place, nowMs) => {
      refresh(nowMs);
      const at = indexOf(places, place);
      if (places[at] !== place) places.splice(at, 0, place);
      return at;
    },
    leave: (place) => {
      const at = indexOf(places, place);
      if (places[at] === place) places.splice(at, 1);
    },
  };
}

/** Where it stands among sorted ones, or would stand. */
function indexOf(places: readonly string[], place: string): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(places[middle] ?? '', place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
