import { formatBytes, parseQuantity } from '#schemas/meta/quantity.ts';
import { isTrue, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Database } from '#schemas/v1alpha1/database.ts';
import { isOtherSize } from '#runtime/drivers/databases/model.ts';
import { defined } from '#controllers/whereabouts.ts';

/** How large a database is, and may be. */
export interface SizeInputs {
  /** Absent while nobody has measured it. */
  readonly sizeBytes?: number;
  /** Absent: not limited. */
  readonly limitBytes?: number;
  /** Writes are refused. */
  readonly isFull: boolean;
  /** What it held when it was found to be full; absent unless it is. */
  readonly fullBytes?: number;
  /** It has become much larger although it is full: nobody is let in. */
  readonly isGrowing: boolean;
}

/** A full database is open again once it is smaller than so much of its limit: who deletes a row is not let in to write one. */
const reopenRatio = 0.95;

/** A full database may hold so much more for a while: a table that gives room back is written a second time first. */
const growthRatio = 3;
const growthBytes = 64 * 1024 * 1024;

/** What is asked for counts as far as the package gives it; what was measured last, until somebody has measured again. */
export function sizeInputsOf(
  { spec, status }: Database,
  found: {
    readonly measuredBytes: number | undefined;
    readonly givenBytes: number | undefined;
    /** What it held when it was full in an earlier life. */
    readonly keptSizeWhenFull?: string | number | undefined;
  },
): SizeInputs {
  const sizeBytes = found.measuredBytes ?? bytesOf(status?.size);
  const limitBytes = leastOf(bytesOf(spec.limits.storage), found.givenBytes);
  const size = defined<Pick<SizeInputs, 'sizeBytes' | 'limitBytes'>>({ sizeBytes, limitBytes });
  const { keptSizeWhenFull } = found;
  const wasFull = isTrue(status?.conditions, 'Full') || keptSizeWhenFull !== undefined;
  if (!isAbove(size, wasFull)) return { ...size, isFull: false, isGrowing: false };
  return { ...size, isFull: true, ...growthOf(sizeBytes, wasFull ? fullBytesOf(status, keptSizeWhenFull) : undefined) };
}

function fullBytesOf(status: Database['status'], kept: string | number | undefined): number | undefined {
  return bytesOf(status?.sizeWhenFull ?? kept);
}

/** What it held when it became full, which is now unless it was before, and whether it has grown since. */
function growthOf(
  sizeBytes: number | undefined,
  before: number | undefined,
): Pick<SizeInputs, 'fullBytes' | 'isGrowing'> {
  const fullBytes = before ?? sizeBytes;
  if (fullBytes === undefined) return { isGrowing: false };
  const isGrowing = sizeBytes !== undefined && sizeBytes > growthRatio * fullBytes + growthBytes;
  return { fullBytes, isGrowing };
}

/** While nobody has measured it stays as it was. */
function isAbove({ sizeBytes, limitBytes }: Pick<SizeInputs, 'sizeBytes' | 'limitBytes'>, wasFull: boolean): boolean {
  if (limitBytes === undefined) return false;
  return sizeBytes === undefined ? wasFull : sizeBytes > (wasFull ? reopenRatio * limitBytes : limitBytes);
}

function bytesOf(quantity: string | number | undefined): number | undefined {
  return quantity === undefined ? undefined : parseQuantity(quantity);
}

function leastOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** For the status. */
export function sizeFieldsOf(
  database: Database,
  inputs: SizeInputs,
): Pick<NonNullable<Database['status']>, 'size' | 'sizeWhenFull' | 'limits'> {
  const shownBytes = shownBytesOf(database, inputs);
  const { limitBytes, fullBytes } = inputs;
  return {
    ...(shownBytes === undefined ? {} : { size: formatBytes(rounded(shownBytes, Math.ceil)) }),
    ...(fullBytes === undefined ? {} : { sizeWhenFull: formatBytes(rounded(fullBytes, Math.ceil)) }),
    ...(limitBytes === undefined ? {} : { limits: { storage: formatBytes(limitBytes) } }),
  };
}

/** Another size is told once it matters. */
function shownBytesOf({ status }: Database, { sizeBytes }: SizeInputs): number | undefined {
  const toldBytes = bytesOf(status?.size);
  const isTold = toldBytes !== undefined && sizeBytes !== undefined && !isOtherSize(toldBytes, sizeBytes);
  return isTold ? toldBytes : sizeBytes;
}

/** A number of few digits, that differs by less than one percent. */
function rounded(bytes: number, round: (steps: number) => number): number {
  const step = 2 ** Math.max(10, Math.floor(Math.log2(Math.max(bytes, 1))) - 7);
  return round(bytes / step) * step;
}

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** Of a database that has a limit. */
export function fullOf(database: Database, inputs: SizeInputs): readonly Statement[] {
  const { limitBytes, isFull, isGrowing } = inputs;
  if (limitBytes === undefined) return [];
  if (!isFull)
    return [{ type: 'Full', status: 'False', reason: 'BelowLimit', message: 'It holds no more than it may.' }];
  const size = formatBytes(rounded(shownBytesOf(database, inputs) ?? limitBytes, Math.ceil));
  const holds = `It holds ${size}, and may hold ${formatBytes(limitBytes)}`;
  const [reason, message] = isGrowing
    ? [
        'GrowsWhileFull',
        `${holds}: it has grown since it was full, and nobody is let in. To go on, ${wayUp(database, limitBytes)}.`,
      ]
    : ['AboveLimit', `${holds}: writes are refused, reads and deletes go on. ${wayOut(database, limitBytes)}`];
  return [{ type: 'Full', status: 'True', reason, message }];
}

const emptying = {
  PostgreSQL: 'Delete what is not needed and run VACUUM FULL, or truncate or drop tables',
  MariaDB: 'Truncate or drop tables (rows that are deleted make no file smaller)',
} as const;

function wayOut(database: Database, limitBytes: number): string {
  const below = formatBytes(rounded(reopenRatio * limitBytes, Math.floor));
  return `${emptying[database.spec.engine]}, until it holds less than ${below}, or ${wayUp(database, limitBytes)}.`;
}

function wayUp({ spec }: Database, limitBytes: number): string {
  const asked = bytesOf(spec.limits.storage);
  return asked !== undefined && asked <= limitBytes ? 'raise spec.limits.storage' : 'take a package that gives more';
}
