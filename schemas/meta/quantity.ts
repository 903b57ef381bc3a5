/**
 * Kubernetes quantities (`500m`, `64Mi`, `1.5Gi`): a decimal number with a binary or decimal suffix.
 * Source: k8s.io/apimachinery/pkg/api/resource, without exponents (`1e3`), which no manifest of ours may use.
 */

const MULTIPLIERS: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 10n ** 3n,
  M: 10n ** 6n,
  G: 10n ** 9n,
  T: 10n ** 12n,
  P: 10n ** 15n,
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
};

const QUANTITY = /^(\d{1,15})(?:\.(\d{1,9}))?(m|k|[KMGTP]i|[MGTP])?$/;

/** Thousandths of the unit, rounded up as Kubernetes does; `undefined` when it is not a quantity. */
export function parseMilli(quantity: string | number): bigint | undefined {
  const match = QUANTITY.exec(String(quantity));
  if (match === null) return undefined;
  const [, whole = '0', fraction = '', suffix = ''] = match;
  const scaled = BigInt(whole + fraction) * (suffix === 'm' ? 1n : 1000n * (MULTIPLIERS[suffix] ?? 1n));
  const divisor = 10n ** BigInt(fraction.length);
  return (scaled + divisor - 1n) / divisor;
}

/** Whole units, rounded up: bytes of `64Mi`, a count of `20`. `undefined` when it is not a quantity or beyond 2^53. */
export function parseQuantity(quantity: string | number): number | undefined {
  const milli = parseMilli(quantity);
  if (milli === undefined) return undefined;
  const units = Number((milli + 999n) / 1000n);
  return Number.isSafeInteger(units) ? units : undefined;
}

/** Thousandths as a number: millicores of `1.5`, which are 1500. `undefined` as for parseQuantity. */
export function parseMillicores(quantity: string | number): number | undefined {
  const milli = parseMilli(quantity);
  return milli !== undefined && milli <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(milli) : undefined;
}

/** The shortest spelling with a binary suffix that loses nothing: 1073741824 is `1Gi`. */
export function formatBytes(bytes: number): string {
  const exact = ['Pi', 'Ti', 'Gi', 'Mi', 'Ki'].find(
    (suffix) => bytes !== 0 && bytes % Number(MULTIPLIERS[suffix]) === 0,
  );
  return exact === undefined ? String(bytes) : `${String(bytes / Number(MULTIPLIERS[exact]))}${exact}`;
}

/** `1500` millicores are `1500m`, `2000` are `2`. */
export function formatMillicores(millicores: number): string {
  return millicores % 1000 === 0 ? String(millicores / 1000) : `${String(millicores)}m`;
}

/**
 * The one spelling that Kubernetes gives to an amount of whole units or thousandths: the largest suffix of its own family that loses nothing
 * (`1024Mi` is `1Gi`, `2000m` is `2`). Undefined when it is not a quantity.
 */
export function canonicalQuantity(quantity: unknown): string | undefined {
  if (typeof quantity !== 'string' && typeof quantity !== 'number') return undefined;
  const milli = parseMilli(quantity);
  if (milli === undefined) return undefined;
  if (milli % 1000n !== 0n) return `${String(milli)}m`;
  const units = milli / 1000n;
  const suffixes = String(quantity).endsWith('i') ? ['Pi', 'Ti', 'Gi', 'Mi', 'Ki'] : ['P', 'T', 'G', 'M', 'k'];
  const suffix = units === 0n ? undefined : suffixes.find((each) => units % (MULTIPLIERS[each] ?? 1n) === 0n);
  return suffix === undefined ? String(units) : `${String(units / (MULTIPLIERS[suffix] ?? 1n))}${suffix}`;
}
