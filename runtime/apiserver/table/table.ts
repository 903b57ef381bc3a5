import type { Column } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { BUILTIN_COLUMNS } from './builtin-columns.ts';
import { ageColumn, nameColumn, printerColumn, type Cell, type ColumnDefinition, type TableColumn } from './column.ts';

/** Which part of the object a row carries beside its cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly cells: readonly Cell[];
  readonly object: unknown;
}

/** `meta.k8s.io/v1 Table`: what `kubectl get` prints. */
export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Null in all events of a watch but the first. */
  readonly columnDefinitions: readonly ColumnDefinition[] | null;
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  readonly columns: readonly TableColumn[];
  readonly objects: readonly KubeObject[];
  /** `metadata` of the list, or of the object when there is one only. */
  readonly listMeta: Readonly<Record<string, unknown>>;
  /** Metadata when the request says nothing. */
  readonly includeObject: IncludeObject;
  /** Milliseconds since the epoch; ages are counted from it. */
  readonly now: number;
  readonly withHeader: boolean;
  /** The version asked for by `as=Table;v=…`. */
  readonly version?: 'v1' | 'v1beta1';
}

/** Where the columns come from. */
export interface ColumnSource {
  readonly group: string;
  readonly resource: string;
  /** Of the CRD's version; built-in resources have none. */
  readonly additionalPrinterColumns?: readonly Column[] | undefined;
}

/** The columns of a resource: its name first, then those of the CRD or of the built-in kind, else its age. InvalidError for a path that is none. */
export function columnsOf(source: ColumnSource): readonly TableColumn[] {
  const own = source.additionalPrinterColumns;
  if (own !== undefined && own.length > 0) return [nameColumn, ...own.map(printerColumn)];
  const key = `${source.group}/${source.resource}`;
  return (Object.hasOwn(BUILTIN_COLUMNS, key) ? BUILTIN_COLUMNS[key] : undefined) ?? [nameColumn, ageColumn];
}

/** One row for each object, in their order. */
export function toTable(options: TableOptions): Table {
  const { columns, includeObject, now, version = 'v1' } = options;
  const apiVersion = `meta.k8s.io/${version}`;
  return {
    kind: 'Table',
    apiVersion,
    metadata: options.listMeta,
    columnDefinitions: options.withHeader ? columns.map(({ definition }) => definition) : null,
    rows: options.objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      object: included(object, includeObject, apiVersion),
    })),
  };
}

/** An object's metadata alone, as `as=PartialObjectMetadata` asks for it. */
export function partialObjectMetadata(
  object: KubeObject,
  apiVersion = 'meta.k8s.io/v1',
): Readonly<Record<string, unknown>> {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
}

function included(object: KubeObject, includeObject: IncludeObject, apiVersion: string): unknown {
  switch (includeObject) {
    case 'None':
      return null;
    case 'Metadata':
      return partialObjectMetadata(object, apiVersion);
    case 'Object':
      return object;
  }
}
