import { HostError } from '#runtime/base/errors.ts';

/** Something below a Domain's directory. */
export interface Entry {
  /** Relative to the directory. Each character stands for a byte, since names are none of any encoding. */
  readonly path: string;
  /** Fifos, sockets and devices are `other`. */
  readonly type: 'directory' | 'file' | 'link' | 'other';
  /** Of directories with setgid and sticky bit, of others without. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Seconds with their fraction. */
  readonly changedAt: string;
  /** Where a link leads. */
  readonly target: string;
  /** Or else the tenant's own. */
  readonly hasFrontGroup: boolean;
  readonly isReadable: boolean;
}

/** PATH_MAX and NAME_MAX without their NUL. */
const maxPathBytes = 4_095;
const maxNameBytes = 255;
/** Longer than any field that a listing may have. */
const maxFieldBytes = 65_536;

const facts =
  /^(?<group>[fo])(?<access>[ru])(?<type>[A-Za-z?])(?<mode>[0-7]{1,4}) (?<size>\d{1,15}) (?<changedAt>-?\d{1,12}\.\d{1,10})$/u;
type Facts = Readonly<Record<'group' | 'access' | 'type' | 'mode' | 'size' | 'changedAt', string>>;

const types: Readonly<Record<string, Entry['type']>> = { d: 'directory', f: 'file', l: 'link' };

/** Takes apart what `listCommand` writes. HostError for anything else: nothing outside of the directory can be named. */
export async function* entriesOf(listing: AsyncIterable<Buffer>): AsyncGenerator<readonly Entry[]> {
  let rest: Buffer = Buffer.alloc(0);
  let fields: string[] = [];
  for await (const chunk of listing) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const entries: Entry[] = [];
    let from = 0;
    for (let to = bytes.indexOf(0); to !== -1; to = bytes.indexOf(0, from)) {
      fields.push(bytes.toString('latin1', from, to));
      from = to + 1;
      if (fields.length < 3) continue;
      entries.push(entryOf(fields));
      fields = [];
    }
    rest = Buffer.from(bytes.subarray(from));
    if (rest.length > maxFieldBytes) throw strange('a field without an end', '');
    yield entries;
  }
  if (rest.length > 0 || fields.length > 0) throw strange('an entry without an end', fields[1] ?? '');
}

function entryOf(fields: readonly string[]): Entry {
  const [first, path, target] = fields as readonly [string, string, string];
  const found = facts.exec(first)?.groups as Facts | undefined;
  if (found === undefined) throw strange('an entry of no known form', path);
  if (!isBelow(path)) throw strange('a path that does not lead into the directory, or is too long', path);
  const { group, access, mode, size, changedAt } = found;
  const type = types[found.type] ?? 'other';
  return {
    path,
    type,
    mode: Number.parseInt(mode, 8) & (type === 'directory' ? 0o3777 : 0o777),
    sizeBytes: Number(size),
    changedAt,
    target,
    hasFrontGroup: group === 'f',
    isReadable: access === 'r',
  };
}

function isBelow(path: string): boolean {
  const isName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && name.length <= maxNameBytes;
  return path.length <= maxPathBytes && path.split('/').every(isName);
}

function strange(what: string, path: string): HostError {
  return new HostError(`the list of files holds ${what}: ${shownPath(path)}`);
}

/** Of a path as much as fits into a message. */
export function shownPath(path: string): string {
  return JSON.stringify(Buffer.from(path.slice(0, 200), 'latin1').toString());
}
