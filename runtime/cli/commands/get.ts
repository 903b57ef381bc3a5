import type { KubeList, KubeObject } from '#schemas/meta/object.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client, ListOptions, ResourceType } from '#runtime/client/client.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { apiVersionOfType } from '#runtime/client/resource-type.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { parseSelection, type Selection } from '#runtime/cli/api/selection.ts';
import { ExitCode, UsageError } from '#runtime/cli/io.ts';
import { loadManifests } from '#runtime/cli/manifests/load.ts';
import { parseOutputFormat, type Printable } from '#runtime/cli/output/printer.ts';
import { formatTable, type Table, type TableStyle } from '#runtime/cli/output/table.ts';
import type { Session } from '#runtime/cli/session.ts';

export interface GetOptions {
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly watch?: boolean;
  readonly watchOnly?: boolean;
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly showLabels?: boolean;
  readonly labelColumns?: string;
  readonly headers?: boolean;
  readonly showManagedFields?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly sortBy?: string;
}

const pageSize = 500;

/** `wcpctl get`: objects as the server's table, or in a format of our own making. */
export async function get(session: Session, words: readonly string[], options: GetOptions): Promise<void> {
  const format = parseOutputFormat(options.output, { showManagedFields: options.showManagedFields ?? false });
  const selections = await selectionsOf(session, words, options);
  if (options.watch === true || options.watchOnly === true) return watchSelection(session, selections, options);
  if (format.type === 'table') return printTables(session, selections, options);
  const client = await session.client();
  const namespace = await namespaceOf(session, options);
  const found = await Promise.all(
    selections.map(({ type, name }) => readObjects(client, type, { name, namespace, options })),
  );
  const objects = found.flat();
  session.io.out(format.print({ objects, asList: isList(selections), nameOf: nameIn(selections) } satisfies Printable));
}

/** The namespace to look in; undefined for all of them. */
async function namespaceOf(session: Session, options: GetOptions): Promise<string | undefined> {
  return options.allNamespaces === true ? undefined : session.namespace();
}

async function selectionsOf(
  session: Session,
  words: readonly string[],
  options: GetOptions,
): Promise<readonly Selection[]> {
  const mapper = await session.mapper();
  if ((options.filename ?? []).length === 0) return parseSelection(mapper, words);
  const manifests = await loadManifests(session.io, options.filename ?? [], { recursive: options.recursive ?? false });
  return manifests.map(({ object }) => {
    const type = mapper.ofKind(object.apiVersion, object.kind);
    if (type === undefined)
      throw new UsageError(`no matches for kind "${object.kind}" in version "${object.apiVersion}"`);
    return { type, name: object.metadata.name };
  });
}

function isList(selections: readonly Selection[]): boolean {
  return selections.length !== 1 || selections[0]?.name === undefined;
}

function nameIn(selections: readonly Selection[]): (object: KubeObject) => string {
  return (object) => {
    const type = selections.find(
      ({ type: each }) => each.kind === object.kind && apiVersionOfType(each) === object.apiVersion,
    )?.type;
    return type === undefined
      ? `${object.kind.toLowerCase()}/${object.metadata.name}`
      : objectName(type, object.metadata.name);
  };
}

interface Where {
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly options: GetOptions;
}

async function readObjects(
  client: Client,
  type: DiscoveredResource,
  { name, namespace, options }: Where,
): Promise<readonly KubeObject[]> {
  if (name === undefined) return listAll(client, type, listOptions(type, namespace, options));
  const object = await client.get(type, { name, namespace: type.namespaced ? (namespace ?? 'default') : undefined });
  if (object !== undefined) return [object];
  if (options.ignoreNotFound === true) return [];
  throw notFound(type, name);
}

/** kubectl's words for an object that is not there. */
export function notFound(type: ResourceType, name: string): ApiError {
  const resource = type.group === '' ? type.resource : `${type.resource}.${type.group}`;
  return new ApiError(404, 'NotFound', `${resource} "${name}" not found`);
}

function listOptions(type: DiscoveredResource, namespace: string | undefined, options: GetOptions): ListOptions {
  return {
    namespace: type.namespaced ? namespace : undefined,
    labelSelector: options.selector,
    fieldSelector: options.fieldSelector,
    limit: pageSize,
  };
}

/** Every page of a list; items carry apiVersion and kind even where the list leaves them out. */
export async function listAll(
  client: Client,
  type: ResourceType,
  options: ListOptions,
): Promise<readonly KubeObject[]> {
  const items: KubeObject[] = [];
  let next: string | undefined;
  do {
    const page: KubeList = await client.list(type, { ...options, continue: next });
    for (const item of page.items) items.push({ ...item, apiVersion: apiVersionOfType(type), kind: type.kind });
    next = page.metadata.continue === '' ? undefined : page.metadata.continue;
  } while (next !== undefined);
  return items;
}

async function printTables(session: Session, selections: readonly Selection[], options: GetOptions): Promise<void> {
  const client = await session.client();
  const namespace = await namespaceOf(session, options);
  const tables = await Promise.all(
    selections.map(({ type, name }) => readTable(client, type, { name, namespace, options })),
  );
  const severalKinds = new Set(selections.map(({ type }) => type.resource)).size > 1;
  const shown = selections.flatMap(({ type }, index) => {
    const table = tables[index];
    return table === undefined || (table.rows ?? []).length === 0 ? [] : [{ type, table }];
  });
  if (shown.length === 0) reportNothing(session, namespace, selections);
  const merged = mergeNamed(shown);
  const texts = merged.map(({ type, table }) =>
    formatTable(table, tableStyle(options, type, severalKinds ? objectName(type, '').slice(0, -1) : undefined)),
  );
  session.io.out(texts.join('\n'));
}

/** Tables of one kind, asked for by several names, become one table. */
function mergeNamed(shown: readonly { readonly type: DiscoveredResource; readonly table: Table }[]): typeof shown {
  const byType = Map.groupBy(shown, ({ type }) => type);
  return [...byType].map(([type, tables]) => ({
    type,
    table: {
      ...(tables[0]?.table ?? { kind: 'Table', metadata: {} }),
      rows: tables.flatMap(({ table }) => table.rows ?? []),
    },
  }));
}

function reportNothing(session: Session, namespace: string | undefined, selections: readonly Selection[]): void {
  if (selections.some(({ name }) => name !== undefined)) return;
  const where =
    namespace !== undefined && selections.some(({ type }) => type.namespaced) ? ` in ${namespace} namespace` : '';
  session.io.err(`No resources found${where}${where === '' ? '' : '.'}\n`);
}

function tableStyle(options: GetOptions, type: DiscoveredResource, namePrefix: string | undefined): TableStyle {
  return {
    wide: options.output === 'wide',
    withNamespace: options.allNamespaces === true && type.namespaced,
    showLabels: options.showLabels ?? false,
    labelColumns: options.labelColumns === undefined ? [] : options.labelColumns.split(','),
    noHeaders: options.headers === false,
    ...(namePrefix !== undefined && { namePrefix }),
  };
}

async function readTable(
  client: Client,
  type: DiscoveredResource,
  { name, namespace, options }: Where,
): Promise<Table | undefined> {
  const byName = name === undefined ? options.fieldSelector : `metadata.name=${name}`;
  const pages: Table[] = [];
  let next: string | undefined;
  do {
    const page: unknown = await client.list(type, {
      ...listOptions(type, type.namespaced ? namespace : undefined, options),
      fieldSelector: byName,
      continue: next,
      as: 'Table',
    });
    pages.push(page as Table);
    next = pages.at(-1)?.metadata.continue || undefined;
  } while (next !== undefined);
  const table = { ...pages[0], rows: pages.flatMap((page) => page.rows ?? []) } as Table;
  if (name !== undefined && table.rows?.length === 0) {
    if (options.ignoreNotFound === true) return undefined;
    throw notFound(type, name);
  }
  return table;
}

async function watchSelection(session: Session, selections: readonly Selection[], options: GetOptions): Promise<void> {
  const [selection, ...more] = selections;
  if (selection === undefined || more.length > 0)
    throw new UsageError('you may only specify a single resource type with --watch');
  const { type, name } = selection;
  const client = await session.client();
  const namespace = type.namespaced ? await namespaceOf(session, options) : undefined;
  const fieldSelector = name === undefined ? options.fieldSelector : `metadata.name=${name}`;
  const style = tableStyle(options, type, undefined);
  const first = (await client.list(type, {
    namespace,
    labelSelector: options.selector,
    fieldSelector,
    as: 'Table',
  })) as unknown as Table;
  if (options.watchOnly !== true) session.io.out(formatTable(first, style));
  const events = client.watch(type, {
    namespace,
    labelSelector: options.selector,
    fieldSelector,
    resourceVersion: first.metadata.resourceVersion,
    as: 'Table',
    signal: session.io.signal,
  });
  try {
    for await (const { object } of events) {
      session.io.out(formatTable(object as unknown as Table, { ...style, noHeaders: true }, first.columnDefinitions));
    }
  } catch (err) {
    if (!session.io.signal.aborted) throw err;
    throw new ExitCode(130);
  }
}
