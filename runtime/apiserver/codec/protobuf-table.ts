import { BugError } from '#runtime/base/errors.ts';

/** The fields of a message: name in JSON → `<number> [ "[]" | "{}" ]<type>["!"]`. */
export type MessageSpec = Readonly<Record<string, string>>;

/** One field, read from its spec. */
export interface Field {
  readonly name: string;
  readonly number: number;
  readonly shape: 'single' | 'list' | 'map';
  /** A scalar (`string`, `int`, `bool`, `bytes`, `double`), a wrapper (`Time`, `Quantity`, …), or a message. */
  readonly type: string;
  /** Whether a zero value says something. */
  readonly keepsZero: boolean;
}

/** The fields of one message, by number (sparse) and in order of number. */
export interface MessageTable {
  readonly byNumber: readonly (Field | undefined)[];
  readonly fields: readonly Field[];
}

/** Reads the specs once, when the server starts. */
export function readTables(specs: Readonly<Record<string, MessageSpec>>): ReadonlyMap<string, MessageTable> {
  return new Map(Object.entries(specs).map(([name, spec]) => [name, readTable(spec)]));
}

function readTable(spec: MessageSpec): MessageTable {
  const fields = Object.entries(spec)
    .map(([name, text]) => readField(name, text))
    .toSorted((a, b) => a.number - b.number);
  const byNumber: (Field | undefined)[] = [];
  for (const field of fields) byNumber[field.number] = field;
  return { byNumber, fields };
}

function readField(name: string, spec: string): Field {
  const match = /^(?<number>\d+)(?: (?<shape>\[\]|\{\})?(?<type>\w+)(?<zero>!)?)?$/.exec(spec);
  if (match === null) throw new BugError(`the protobuf field ${name} is described by "${spec}"`);
  const { number, shape, type = 'string', zero } = match.groups ?? {};
  return {
    name,
    number: Number(number),
    shape: shape === undefined ? 'single' : shape === '[]' ? 'list' : 'map',
    type,
    keepsZero: zero !== undefined,
  };
}
