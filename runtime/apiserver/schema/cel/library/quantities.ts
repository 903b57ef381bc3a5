import type { CelLibrary } from './functions.ts';
import { fail } from './text.ts';

/** An amount in billionths, which is as fine as Kubernetes goes. */
class CelQuantity {
  readonly nano: bigint;
  constructor(nano: bigint) {
    this.nano = nano;
  }
}

const NANO = 1_000_000_000n;
const QUANTITY = /^([+-]?)(\d{1,40})?(?:\.(\d{0,40}))?([eE][+-]?\d{1,2}|[numkMGTPE]|[KMGTPE]i)?$/;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

/** `quantity` and what belongs to it (Kubernetes CEL library "Quantity"). */
export const quantityLibrary: CelLibrary = {
  types: [{ name: 'Quantity', ctor: CelQuantity, equals: (a: CelQuantity, b: CelQuantity) => a.nano === b.nano }],
  functions: {
    'quantity(string): Quantity': (text: string) => {
      const nano = parse(text);
      return nano === undefined
        ? fail('quantities must match the regular expression of Kubernetes quantities')
        : new CelQuantity(nano);
    },
    'isQuantity(string): bool': (text: string) => parse(text) !== undefined,
    'Quantity.isInteger(): bool': (amount: CelQuantity) => isInteger(amount),
    'Quantity.asInteger(): int': (amount: CelQuantity) =>
      isInteger(amount) ? amount.nano / NANO : fail('cannot convert value to integer'),
    'Quantity.asApproximateFloat(): double': (amount: CelQuantity) => Number(amount.nano) / 1e9,
    'Quantity.sign(): int': (amount: CelQuantity) => compare(amount.nano, 0n),
    'Quantity.add(Quantity): Quantity': (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.nano + b.nano),
    'Quantity.add(int): Quantity': (a: CelQuantity, b: bigint) => new CelQuantity(a.nano + b * NANO),
    'Quantity.sub(Quantity): Quantity': (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.nano - b.nano),
    'Quantity.sub(int): Quantity': (a: CelQuantity, b: bigint) => new CelQuantity(a.nano - b * NANO),
    'Quantity.isLessThan(Quantity): bool': (a: CelQuantity, b: CelQuantity) => a.nano < b.nano,
    'Quantity.isGreaterThan(Quantity): bool': (a: CelQuantity, b: CelQuantity) => a.nano > b.nano,
    'Quantity.compareTo(Quantity): int': (a: CelQuantity, b: CelQuantity) => compare(a.nano, b.nano),
  },
};

function compare(a: bigint, b: bigint): bigint {
  if (a === b) return 0n;
  return a < b ? -1n : 1n;
}

function isInteger(amount: CelQuantity): boolean {
  const whole = amount.nano / NANO;
  return amount.nano % NANO === 0n && whole <= 2n ** 63n - 1n && whole >= -(2n ** 63n);
}

function parse(text: string): bigint | undefined {
  const match = text.length > 100 ? null : QUANTITY.exec(text);
  const [, sign, whole = '', fraction = '', suffix = ''] = match ?? [];
  if (whole === '' && fraction === '') return undefined;
  const { shift, exponent } = scaleOf(suffix);
  const digits = BigInt(`${whole}${fraction}`) << shift;
  const places = fraction.length - exponent - 9;
  // Kubernetes rounds up what is finer than a billionth.
  const nano = places <= 0 ? digits * 10n ** BigInt(-places) : ceilDivide(digits, 10n ** BigInt(places));
  return sign === '-' ? -nano : nano;
}

/** A suffix as a power of two and one of ten. A lone `E` is exa, with digits after it an exponent. */
function scaleOf(suffix: string): { readonly shift: bigint; readonly exponent: number } {
  const shift = BINARY[suffix];
  if (shift !== undefined) return { shift, exponent: 0 };
  const isExponent = suffix.length > 1;
  return { shift: 0n, exponent: isExponent ? Number(suffix.slice(1)) : (DECIMAL[suffix] ?? 0) };
}

function ceilDivide(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
