import type { Entry } from './listing.ts';

/** What makes a directory like another one, in this order. */
export interface Difference {
  /** Directories in which something changes, and which their owner may not write in as they are. */
  readonly open: readonly Entry[];
  /** What is in directories before these. */
  readonly remove: readonly Entry[];
  /** New ones, parents first. */
  readonly directories: readonly Entry[];
  /** Files and links to be copied. */
  readonly copy: readonly Entry[];
  /** Whose group and mode are to be set at last, what is in directories before these. */
  readonly settle: readonly Entry[];
  /** Of the files to be copied. */
  readonly bytes: number;
  /** Fifos, sockets and devices, which are not copied. */
  readonly skipped: number;
  /** Paths of what is there and cannot be read. */
  readonly unreadable: readonly string[];
}

const ownersAll = 0o700;
/** Bits that a new file does not get, whatever mode it is to have: the umask of what unpacks. */
const withheld = 0o022;

export function isNothing({ remove, directories, copy, settle }: Difference): boolean {
  return remove.length + directories.length + copy.length + settle.length === 0;
}

/**
 * What makes `here` like `there`. Files are the same when they have the same size and time of change, links when they lead to the same place; times of
 * directories and of links are of no matter. `here` is used up.
 */
export async function differenceOf(
  there: AsyncIterable<readonly Entry[]> | Iterable<readonly Entry[]>,
  here: Map<string, Entry>,
): Promise<Difference> {
  const closed = new Map([...here].filter(([, entry]) => isClosed(entry)));
  const found: Found = { remove: [], directories: [], copy: [], settle: [], kept: [], skipped: [], unreadable: [] };
  for await (const entries of there) {
    for (const entry of entries) {
      if (entry.type === 'other') found.skipped.push(entry.path);
      else compare(entry, here, found);
      if (entry.type === 'directory' && closed.has(entry.path)) found.kept.push(entry);
    }
  }
  for (const entry of here.values()) found.remove.push(entry);
  const { directories, copy, skipped, unreadable } = found;
  const open = opened(closed, [...found.remove, ...directories, ...copy]);
  const isOpen = new Set(open.map(({ path }) => path));
  const settle = [...found.settle, ...found.kept.filter(({ path }) => isOpen.has(path))];
  return {
    open,
    remove: found.remove.toSorted(childrenFirst),
    directories,
    copy,
    settle: [...new Map(settle.map((entry) => [entry.path, entry])).values()].toSorted(childrenFirst),
    bytes: copy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    skipped: skipped.length,
    unreadable,
  };
}

interface Found extends Readonly<Record<'remove' | 'directories' | 'copy' | 'settle', Entry[]>> {
  /** Counterparts of closed directories. */
  readonly kept: Entry[];
  readonly skipped: string[];
  readonly unreadable: string[];
}

/** Takes the entry's counterpart out of `here`. */
function compare(entry: Entry, here: Map<string, Entry>, found: Found): void {
  if (!entry.isReadable) found.unreadable.push(entry.path);
  const own = here.get(entry.path);
  here.delete(entry.path);
  const isSameType = own?.type === entry.type;
  if (own !== undefined && !isSameType) found.remove.push(own);
  const same = isSameType ? own : undefined;
  if (entry.type === 'directory') compareDirectory(entry, same, found);
  else if (same === undefined || !hasSameContent(entry, same)) addCopy(entry, found);
  else if (!hasSameAttributes(entry, same)) found.settle.push(entry);
}

function compareDirectory(entry: Entry, own: Entry | undefined, found: Found): void {
  if (own === undefined) found.directories.push(entry);
  if (own === undefined || !hasSameAttributes(entry, own)) found.settle.push(entry);
}

function addCopy(entry: Entry, found: Found): void {
  if (!entry.isReadable) return;
  found.copy.push(entry);
  if (entry.type === 'file' && needsSettling(entry)) found.settle.push(entry);
}

function hasSameContent(one: Entry, other: Entry): boolean {
  if (one.type === 'link') return one.target === other.target;
  return one.sizeBytes === other.sizeBytes && one.changedAt === other.changedAt;
}

/** Links have none of their own. */
function hasSameAttributes(one: Entry, other: Entry): boolean {
  return one.type === 'link' || (one.mode === other.mode && one.hasFrontGroup === other.hasFrontGroup);
}

function needsSettling({ mode, hasFrontGroup }: Entry): boolean {
  return (mode & withheld) !== 0 || !hasFrontGroup;
}

function isClosed({ type, mode }: Entry): boolean {
  return type === 'directory' && (mode & ownersAll) !== ownersAll;
}

/** Those of the closed directories that lead to something that changes. */
function opened(closed: ReadonlyMap<string, Entry>, changed: readonly Entry[]): readonly Entry[] {
  if (closed.size === 0) return [];
  const open = new Map<string, Entry>();
  for (const { path } of changed) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const directory = closed.get(path.slice(0, end));
      if (directory !== undefined) open.set(directory.path, directory);
    }
  }
  return [...open.values()].toSorted((one, other) => childrenFirst(other, one));
}

function childrenFirst({ path: one }: Entry, { path: other }: Entry): number {
  return one < other ? 1 : one > other ? -1 : 0;
}
