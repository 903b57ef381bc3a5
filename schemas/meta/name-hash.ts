/** FNV-1a, 32 bits, of a name: spreads names, guards nothing. Source: datatracker.ietf.org/doc/draft-eastlake-fnv. */
export function nameHash(name: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The same with every bit of the name in every bit of the hash, so that hashes of names that differ in one letter can be put in an order (fmix32 of MurmurHash3). */
export function mixedHash(name: string): number {
  let hash = nameHash(name);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The name itself while it has at most `most` characters, else its beginning and 16 hexadecimal digits that tell it from others. */
export function shortName(name: string, most: number): string {
  if (name.length <= most) return name;
  const first = nameHash(name);
  const second = nameHash(name, first);
  const mark = [first, second].map((part) => part.toString(16).padStart(8, '0')).join('');
  return `${name.slice(0, most - mark.length - 1).replace(/[.-]+$/, '')}-${mark}`;
}
