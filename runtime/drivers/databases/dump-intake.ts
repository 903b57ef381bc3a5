import { Transform } from 'node:stream';
import { RefusedError } from '#runtime/base/errors.ts';
import { sqlDumpEndBytes } from '#runtime/base/sql-dumps.ts';

/** How dumps of an engine look, as text of one character a byte. */
export interface DumpForm {
  /** The end of a whole one. */
  readonly end: RegExp;
  /** What stands before and after one that is whole: an engine that can takes back all of it unless the last word comes. */
  readonly around?: { readonly first: string; readonly last: string };
  /** Brings the beginning of a line into the form that another login can restore, `undefined` when it is right. */
  readonly mapLine: (head: string) => string | undefined;
  /** Lines that begin so are looked at as a whole, or a megabyte of them. */
  readonly longLines?: string;
}

/** Of a line so much is looked at. */
const headBytes = 512;
const longestHeadBytes = 1024 * 1024;
const newline = 10;

/**
 * What a dump goes through before it is restored: names of those who made things are left out where the engine would ask for them, and its end comes only if it
 * is whole. RefusedError `DumpCut` otherwise: whoever reads must not take that for an end.
 */
export function dumpIntake({ end, around = { first: '', last: '' }, ...form }: DumpForm): Transform {
  const lines = mapLines(form);
  let tail = Buffer.alloc(0);
  let first = Buffer.from(around.first);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      const bytes = Buffer.concat([first, ...lines.take(chunk)]);
      first = Buffer.alloc(0);
      tail = Buffer.concat([tail, chunk.subarray(-sqlDumpEndBytes)]).subarray(-sqlDumpEndBytes);
      done(null, bytes);
    },
    flush: (done) => {
      if (!end.test(tail.toString('latin1'))) done(new RefusedError('DumpCut', cutWords));
      else done(null, Buffer.concat([lines.rest(), Buffer.from(around.last)]));
    },
  });
}

interface MappedLines {
  take(chunk: Buffer): readonly Buffer[];
  /** What was held back until it was known how it goes on. */
  rest(): Buffer;
}

function mapLines({ mapLine, longLines }: Pick<DumpForm, 'mapLine' | 'longLines'>): MappedLines {
  const isLong = (beginning: Buffer): boolean =>
    longLines !== undefined && beginning.subarray(0, longLines.length).equals(Buffer.from(longLines));
  let head = Buffer.alloc(0);
  let isInHead = true;
  const rest = (): Buffer => {
    const mapped = mapLine(head.toString('latin1'));
    const bytes = mapped === undefined ? head : Buffer.from(mapped, 'latin1');
    head = Buffer.alloc(0);
    return bytes;
  };
  const takePiece = (piece: Buffer): readonly Buffer[] => {
    const endsLine = piece.at(-1) === newline;
    if (!isInHead) {
      isInHead = endsLine;
      return [piece];
    }
    const beginning = Buffer.concat([head, piece]);
    const room = (isLong(beginning) ? longestHeadBytes : headBytes) - head.length;
    head = beginning.subarray(0, head.length + room);
    if (!endsLine && piece.length <= room) return [];
    isInHead = endsLine;
    return [rest(), piece.subarray(room)];
  };
  return { rest, take: (chunk) => piecesOf(chunk).flatMap(takePiece) };
}

/** Cut after the end of each line. */
function piecesOf(chunk: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < chunk.length;) {
    const found = chunk.indexOf(newline, at);
    const next = found === -1 ? chunk.length : found + 1;
    pieces.push(chunk.subarray(at, next));
    at = next;
  }
  return pieces;
}

const cutWords =
  'this is not the whole of a dump: it does not end as one does. What is in it was not restored, or only a part of it; statements of your own are for wcpctl db shell';
