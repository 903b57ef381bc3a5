/**
 * Compares keys by their UTF-8 bytes, as etcd orders them. Code units say the same except above the surrogates,
 * which is why those change places here.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return byteRank(left) - byteRank(right);
  }
  return a.length - b.length;
}

/**
 * Whether a key has code units from the surrogates up. Only two such keys can differ in an order other than that of `<`,
 * which is many times faster than looking at each code unit.
 */
export function isAboveSurrogates(key: string): boolean {
  return aboveSurrogates.test(key);
}

const aboveSurrogates = /[\ud800-\uffff]/;

function byteRank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}

/** The first key after all keys that begin with `prefix`: the open end of a range. */
export function prefixEnd(prefix: Buffer): Buffer {
  for (let index = prefix.length - 1; index >= 0; index--) {
    const byte = prefix[index] ?? 0xff;
    if (byte === 0xff) continue;
    const end = Buffer.from(prefix.subarray(0, index + 1));
    end[index] = byte + 1;
    return end;
  }
  return Buffer.from([0]);
}
