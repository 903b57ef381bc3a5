import { numberOf } from '#runtime/apiserver/codec/exact-number.ts';
import { humanDuration } from '#runtime/base/duration.ts';
import { compileJsonPath } from '#runtime/base/json-path.ts';
import { printJsonPathValue } from '#runtime/base/json-path-template.ts';
import type { Column } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** The head of a column, as it goes over the wire. `priority` above 0 means that only `-o wide` shows it. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

/** A cell: null is printed as a blank by kubectl. */
export type Cell = string | number | boolean | null;

/** A column and how its cells are made. `now` is in milliseconds since the epoch. */
export interface TableColumn {
  readonly definition: ColumnDefinition;
  cell(object: KubeObject, now: number): Cell;
}

/** A column whose cells are made by a function. */
export function column(
  definition: Pick<ColumnDefinition, 'name' | 'description'> & Partial<ColumnDefinition>,
  cell: TableColumn['cell'],
): TableColumn {
  return { definition: { type: 'string', format: '', priority: 0, ...definition }, cell };
}

export const nameColumn: TableColumn = column(
  { name: 'Name', format: 'name', description: 'Name of the object, unique among its kind within the namespace.' },
  ({ metadata }) => metadata.name,
);

export const ageColumn: TableColumn = column(
  { name: 'Age', type: 'date', description: 'Time since the object was created.' },
  ({ metadata }, now) => age(metadata.creationTimestamp, now),
);

export const createdAtColumn: TableColumn = column(
  { name: 'Created At', type: 'date', description: 'When the object was created.' },
  ({ metadata }) => metadata.creationTimestamp ?? null,
);

/** A column of a CRD: the first value that its path selects. Null when there is none or it has another type. */
export function printerColumn(source: Column): TableColumn {
  const read = compileJsonPath(source.jsonPath);
  const { name, type, description, format = '', priority = 0 } = source;
  return {
    // Kubernetes never leaves the description away.
    definition: { name, type, format, description: description ?? '', priority },
    cell: (object, now) => cellOf(read(object)[0], source.type, now),
  };
}

const CELLS: Readonly<Record<Column['type'], (value: unknown, now: number) => Cell>> = {
  string: printJsonPathValue,
  date: (value, now) => (typeof value === 'string' ? age(value, now) : null),
  integer: wholePart,
  number: (value) => numberOf(value) ?? null,
  boolean: (value) => (typeof value === 'boolean' ? value : null),
};

function cellOf(value: unknown, type: Column['type'], now: number): Cell {
  return value === undefined || value === null ? null : CELLS[type](value, now);
}

function wholePart(value: unknown): number | null {
  const number = numberOf(value);
  return number === undefined ? null : Math.trunc(number);
}

/** The time since an RFC 3339 time; `<unknown>` when there is none, `<invalid>` when it cannot be read. */
export function age(time: string | null | undefined, now: number): string {
  if (time === undefined || time === null || time === '') return '<unknown>';
  const then = Date.parse(time);
  return Number.isNaN(then) ? '<invalid>' : humanDuration(now - then);
}
