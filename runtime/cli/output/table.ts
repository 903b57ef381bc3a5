import type { KubeObject } from '#schemas/meta/object.ts';
import { formatColumns } from './columns.ts';

/** `meta.k8s.io/v1` Table: the server's own columns. */
export interface Table {
  readonly kind: 'Table';
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions?: readonly { readonly name: string; readonly type: string; readonly priority: number }[];
  readonly rows?: readonly TableRow[];
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: KubeObject;
}

export interface TableStyle {
  readonly wide: boolean;
  readonly withNamespace: boolean;
  readonly showLabels: boolean;
  readonly labelColumns: readonly string[];
  readonly noHeaders: boolean;
  /** Prefix names with their resource (`get a,b`, `get all`). */
  readonly namePrefix?: string;
}

/** A Table as text. `columns` come from the first table of a watch, whose later ones have none. */
export function formatTable(table: Table, style: TableStyle, columns = table.columnDefinitions ?? []): string {
  const shown = columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.priority === 0 || style.wide);
  const header = [
    ...(style.withNamespace ? ['NAMESPACE'] : []),
    ...shown.map(({ column }) => column.name.toUpperCase()),
    ...style.labelColumns.map((key) => (key.split('/').at(-1) ?? key).toUpperCase()),
    ...(style.showLabels ? ['LABELS'] : []),
  ];
  const rows = (table.rows ?? []).map((row) =>
    rowCells(
      row,
      shown.map(({ index }) => index),
      style,
    ),
  );
  return formatColumns(style.noHeaders ? rows : [header, ...rows]);
}

function rowCells(row: TableRow, indexes: readonly number[], style: TableStyle): readonly string[] {
  const labels = row.object?.metadata.labels ?? {};
  const cells = indexes.map((index) => formatCell(row.cells[index]));
  if (style.namePrefix !== undefined) cells[0] = `${style.namePrefix}/${cells[0] ?? ''}`;
  return [
    ...(style.withNamespace ? [row.object?.metadata.namespace ?? ''] : []),
    ...cells,
    ...style.labelColumns.map((key) => labels[key] ?? ''),
    ...(style.showLabels ? [formatLabels(labels)] : []),
  ];
}

function formatCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value.replaceAll(/\p{Cc}/gu, ' ') : JSON.stringify(value);
}

/** `a=b,c=d`, or `<none>`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}
