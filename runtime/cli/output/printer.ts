import { stringify } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import { compileJsonPath, compileJsonPathTemplate } from '#runtime/base/json-path.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { formatColumns } from './columns.ts';

/** How `-o` was asked: the server's table, or a text of our own making from whole objects. */
export type OutputFormat =
  | { readonly type: 'table'; readonly wide: boolean }
  | { readonly type: 'objects'; readonly print: (value: Printable) => string };

/** One object, or the list that a command made of several. */
export interface Printable {
  readonly objects: readonly KubeObject[];
  /** Print as a List even if there is but one. */
  readonly asList: boolean;
  readonly nameOf: (object: KubeObject) => string;
}

const formats = 'table, wide, yaml, json, name, jsonpath=TEMPLATE, custom-columns=SPEC';

/** Reads the value of `-o`. */
export function parseOutputFormat(
  text: string | undefined,
  options: { readonly showManagedFields: boolean },
): OutputFormat {
  if (text === undefined || text === '' || text === 'table') return { type: 'table', wide: false };
  if (text === 'wide') return { type: 'table', wide: true };
  const tidy = (value: Printable): unknown => document(value, options.showManagedFields);
  const [name, ...argument] = text.split('=');
  return { type: 'objects', print: objectPrinter(name ?? '', argument.join('='), tidy) };
}

function objectPrinter(
  name: string,
  argument: string,
  tidy: (value: Printable) => unknown,
): (value: Printable) => string {
  switch (name) {
    case 'yaml':
      return (value) => stringify(tidy(value), { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' });
    case 'json':
      return (value) => `${JSON.stringify(tidy(value), undefined, 4)}\n`;
    case 'name':
      return ({ objects, nameOf }) => objects.map((object) => `${nameOf(object)}\n`).join('');
    case 'jsonpath': {
      const template = compileJsonPathTemplate(argument);
      return (value) => template(tidy(value));
    }
    case 'custom-columns':
      return customColumns(argument);
    default:
      throw new UsageError(
        `unable to match a printer suitable for the output format "${name}", allowed formats are: ${formats}`,
      );
  }
}

function document({ objects, asList }: Printable, showManagedFields: boolean): unknown {
  const shown = showManagedFields ? objects : objects.map(withoutManagedFields);
  return asList || shown.length !== 1
    ? { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: shown }
    : shown[0];
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function customColumns(spec: string): (value: Printable) => string {
  const columns = spec.split(',').map((part) => {
    const [header = '', ...path] = part.split(':');
    if (path.length === 0) throw new UsageError(`custom-columns wants HEADER:.json.path, not "${part}"`);
    return { header, read: compileJsonPath(path.join(':')) };
  });
  return ({ objects }) =>
    formatColumns([
      columns.map(({ header }) => header),
      ...objects.map((object) => columns.map(({ read }) => formatValues(read(object)))),
    ]);
}

function formatValues(values: readonly unknown[]): string {
  return values.length === 0
    ? '<none>'
    : values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(',');
}
