import { basename } from 'node:path';

/** One entry of a tar archive; a file unless its type says otherwise. */
interface ArchiveEntry {
  readonly name: string;
  readonly text?: string;
  readonly type?: 'hard link' | 'symbolic link' | 'device' | 'directory' | 'pipe';
  readonly target?: string;
  readonly mode?: number;
}

// ustar, as POSIX has it under pax.
const blockBytes = 512;
const typeFlags = { 'hard link': '1', 'symbolic link': '2', device: '3', directory: '5', pipe: '6' } as const;

/** An archive with exactly these entries, which no tar would make. */
export function archiveOf(entries: readonly ArchiveEntry[]): string {
  return `${entries.map(entryText).join('')}${'\0'.repeat(2 * blockBytes)}`;
}

function entryText({ name, text = '', type, target = '', mode = 0o644 }: ArchiveEntry): string {
  const head = Buffer.alloc(blockBytes);
  const flag = type === undefined ? '0' : typeFlags[type];
  const fields: readonly (readonly [at: number, text: string])[] = [
    [0, name],
    [100, octal(mode, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(text.length, 11)],
    [136, octal(0, 11)],
    [148, ' '.repeat(8)],
    [156, flag],
    [157, target],
    [257, 'ustar\u000000'],
    // The device that swallows everything.
    [329, octal(1, 7)],
    [337, octal(3, 7)],
  ];
  for (const [at, field] of fields) head.write(field, at, 'latin1');
  head.write(
    `${octal(
      head.reduce((sum, byte) => sum + byte),
      6,
    )}\0 `,
    148,
    'latin1',
  );
  return head.toString('latin1') + text.padEnd(Math.ceil(text.length / blockBytes) * blockBytes, '\0');
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/**
 * Archives of `name` whose extraction would write `outside`, a directory a few levels above and beside, or give rights away; by what they try. Whatever an
 * extraction thinks of one entry, it goes on to the next.
 */
export function hostileArchives(name: string, outside: string): Readonly<Record<string, readonly ArchiveEntry[]>> {
  const evil = { text: 'evil' };
  const directory: ArchiveEntry = { name, type: 'directory', mode: 0o755 };
  const ways = [outside, ...[1, 2, 3, 4, 5].map((levels) => `${'../'.repeat(levels)}${basename(outside)}`)];
  const link = (place: string, target: string): ArchiveEntry => ({ name: place, type: 'symbolic link', target });
  const throughLinks = ways.flatMap((way, index): readonly ArchiveEntry[] => [
    link(`${name}/directory${index}`, way),
    { name: `${name}/directory${index}/evil`, ...evil },
    link(`${name}/file${index}`, `${way}/mine`),
    { name: `${name}/file${index}`, ...evil },
    { name: `${name}/same${index}`, type: 'hard link', target: `${way}/mine` },
    { name: `${name}/same${index}`, ...evil },
  ]);
  const throughTwo = [1, 2, 3, 4].flatMap((levels): readonly ArchiveEntry[] => [
    link(`${name}/up${levels}`, `${'../'.repeat(levels)}.`),
    link(`${name}/beside${levels}`, `up${levels}/${basename(outside)}`),
    { name: `${name}/beside${levels}/evil`, ...evil },
  ]);
  return {
    'names that climb': ways.flatMap((way) => [
      { name: `${way}/evil`, ...evil },
      { name: `${name}/${way}/evil`, ...evil },
    ]),
    'files through links': [directory, ...throughLinks, ...throughTwo],
    'a device': [{ name, type: 'device', mode: 0o666 }],
    'a pipe in a directory': [directory, { name: `${name}/pipe`, type: 'pipe', mode: 0o666 }],
    'a program with the rights of its owner': [{ name, mode: 0o6777, ...evil }],
  };
}
