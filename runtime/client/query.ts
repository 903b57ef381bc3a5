import type { ListOptions, WatchOptions, WriteOptions } from './client.ts';

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/** `?a=b&c=d` in the order given; absent, empty and false parameters are left out. */
export function queryOf(parameters: Parameters): string {
  let query = '';
  for (const name in parameters) {
    const value = parameters[name];
    if (value === undefined || value === '' || value === false) continue;
    query += `${query === '' ? '?' : '&'}${name}=${encodeURIComponent(value)}`;
  }
  return query;
}

/** Of a list. */
export function listQuery(options: ListOptions): string {
  return queryOf({
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  });
}

/** Of a watch; bookmarks are always asked for. */
export function watchQuery(options: WatchOptions): string {
  return queryOf({
    watch: true,
    allowWatchBookmarks: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch ?? (options.sendInitialEvents === true ? 'NotOlderThan' : ''),
    sendInitialEvents: options.sendInitialEvents,
    timeoutSeconds: options.timeoutSeconds,
  });
}

/** Of a write. `force` only goes with server-side apply. */
export function writeQuery(options: WriteOptions, force?: boolean): string {
  return queryOf({
    fieldManager: options.fieldManager,
    dryRun: options.dryRun === true ? 'All' : undefined,
    fieldValidation: options.fieldValidation,
    force,
  });
}

/** The `Accept` header of a read; empty for plain objects. */
export function acceptOf(options: Pick<ListOptions, 'as'>, list = true): Readonly<Record<string, string>> {
  if (options.as === undefined) return {};
  const shape = options.as === 'PartialObjectMetadata' && list ? 'PartialObjectMetadataList' : options.as;
  return { accept: `application/json;as=${shape};v=v1;g=meta.k8s.io,application/json` };
}
