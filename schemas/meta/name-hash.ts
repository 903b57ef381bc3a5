/** FNV-1a, 32 bits, of a name: spreads names, guards nothing. Source: datatracker.ietf.org/doc/draft-eastlake-fnv. */
export function nameHash(name: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The name itself while it has at most `most` characters, else its beginning and 16 hexadecimal digits that tell it from others. */
export function shortName(name: string, most: number): string {
  if (name.length <= most) return name;
  const first = nameHash(name);
  const second = nameHash(name, first);
  const mark = [first, second].map((part) => part.toString(16).padStart(8, '0')).join('');
  return `${name.slice(0, most - mark.length - 1).replace(/[.-]+$/, '')}-${mark}`;
}
