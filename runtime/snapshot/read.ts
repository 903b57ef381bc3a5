import { createHash } from 'node:crypto';
import { isRecord } from '#runtime/base/json.ts';
import { createCursor, type Cursor } from './cursor.ts';
import {
  damaged,
  firstLine,
  longestPartBytes,
  type SnapshotEnd,
  type SnapshotEntry,
  type SnapshotHeader,
  type SnapshotSummary,
} from './format.ts';

/** Told of the objects of a snapshot as they are read, before it is known whether the whole is undamaged. */
export interface SnapshotVisitor {
  readonly header?: (header: SnapshotHeader) => void | Promise<void>;
  readonly entry?: (entry: SnapshotEntry) => void | Promise<void>;
}

/**
 * Reads a snapshot to its end. RefusedError `SnapshotDamaged` when anything is missing, changed or too much. Values given to the visitor are
 * views that stay valid.
 */
export async function readSnapshot(
  chunks: AsyncIterable<Buffer>,
  visitor: SnapshotVisitor = {},
): Promise<SnapshotSummary> {
  const hash = createHash('sha256');
  const cursor = createCursor(chunks, (consumed) => void hash.update(consumed));
  if ((await cursor.line()).toString() !== firstLine)
    throw damaged('this is no snapshot that this version can read: it does not begin with its mark');
  const header = requireHeader(await parsedLine(cursor));
  await visitor.header?.(header);
  const end = await readEntries(cursor, visitor);
  const sha256 = hash.digest('hex');
  const words = (await cursor.line({ isHashed: false })).toString();
  if (words !== `sha256 ${sha256}`) throw damaged('the checksum is wrong: the snapshot was changed or is damaged');
  if (!(await cursor.isAtEnd())) throw damaged('something stands behind the end of the snapshot');
  return { ...header, ...end, bytes: cursor.position(), sha256 };
}

async function readEntries(cursor: Cursor, visitor: SnapshotVisitor): Promise<SnapshotEnd> {
  for (let objects = 0; ; objects++) {
    const head = await parsedLine(cursor);
    if (!('key' in head)) return requireEnd(head, objects);
    const { key, bytes } = head;
    if (typeof key !== 'string' || !isLength(bytes)) throw damaged(`byte ${cursor.position()} is not what it was`);
    const value = await cursor.take(bytes);
    if ((await cursor.line()).length > 0) throw damaged(`byte ${cursor.position()} is not what it was`);
    await visitor.entry?.({ key, value });
  }
}

async function parsedLine(cursor: Cursor): Promise<Readonly<Record<string, unknown>>> {
  const at = cursor.position();
  const line = await cursor.line();
  try {
    const parsed: unknown = JSON.parse(line.toString());
    if (isRecord(parsed)) return parsed;
  } catch (err) {
    throw damaged(`the line at byte ${at} is not what it was`, { cause: err });
  }
  throw damaged(`the line at byte ${at} is not what it was`);
}

function requireHeader(line: Readonly<Record<string, unknown>>): SnapshotHeader {
  const { revision, takenAt } = line;
  if (!Number.isSafeInteger(revision) || typeof takenAt !== 'string') throw damaged('the header is not what it was');
  return { revision: revision as number, takenAt };
}

function requireEnd(line: Readonly<Record<string, unknown>>, objects: number): SnapshotEnd {
  const { kinds, encryptionKeys } = line;
  if (line['objects'] !== objects || !isRecord(kinds) || !Array.isArray(encryptionKeys))
    throw damaged('the end is not what it was');
  return { objects, kinds: kinds as SnapshotEnd['kinds'], encryptionKeys: encryptionKeys as readonly string[] };
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= longestPartBytes;
}
