/** What some keys have in common, and how many of these may be worked on at once: whatever holds all of them up holds up no others. */
export interface Share {
  readonly of: string;
  readonly atOnce: number;
}

/** Who of those that share something may be worked on. */
export interface Shares {
  /** Whether it may be worked on now. If not, it is put aside until `end` gives it back. */
  begin(key: string): boolean;
  /** Gives whom it leaves its place to, if anybody was put aside. */
  end(key: string): string | undefined;
}

interface Group {
  active: number;
  /** In the order in which they came. */
  readonly aside: Set<string>;
}

/** A key that was put aside keeps its share until it was worked on, whatever `shareOf` says meanwhile: each place that becomes free is one of those who wait for it. */
export function createShares(shareOf: (key: string) => Share | undefined): Shares {
  const shares = new Map<string, Share>();
  const groups = new Map<string, Group>();
  const groupOf = ({ of }: Share): Group => {
    const group = groups.get(of) ?? { active: 0, aside: new Set() };
    groups.set(of, group);
    return group;
  };
  return {
    begin: (key) => {
      const share = shares.get(key) ?? shareOf(key);
      if (share === undefined) return true;
      shares.set(key, share);
      const group = groupOf(share);
      if (group.active >= share.atOnce) {
        group.aside.add(key);
        return false;
      }
      group.aside.delete(key);
      group.active += 1;
      return true;
    },
    end: (key) => {
      const share = shares.get(key);
      if (share === undefined) return undefined;
      shares.delete(key);
      const group = groupOf(share);
      group.active -= 1;
      const [next] = group.aside;
      if (next !== undefined) group.aside.delete(next);
      else if (group.active === 0) groups.delete(share.of);
      return next;
    },
  };
}
