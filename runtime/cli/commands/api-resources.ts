import { apiVersionOfType } from '#runtime/client/resource-type.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';

export interface ApiResourcesOptions {
  readonly apiGroup?: string;
  readonly namespaced?: string;
  readonly output?: string;
  readonly headers?: boolean;
}

/** `wcpctl api-resources`: what the server serves. */
export async function apiResources(session: Session, options: ApiResourcesOptions): Promise<void> {
  const { resources } = await session.mapper();
  const shown = resources
    .filter(({ group }) => options.apiGroup === undefined || group === options.apiGroup)
    .filter(({ namespaced }) => options.namespaced === undefined || namespaced === (options.namespaced === 'true'))
    .toSorted((a, b) => a.group.localeCompare(b.group) || a.resource.localeCompare(b.resource));
  if (options.output === 'name') {
    session.io.out(shown.map(({ resource, group }) => `${resource}${group === '' ? '' : `.${group}`}\n`).join(''));
    return;
  }
  const wide = options.output === 'wide';
  const header = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', ...(wide ? ['VERBS', 'CATEGORIES'] : [])];
  const rows = shown.map((type) => [
    type.resource,
    type.shortNames.join(','),
    apiVersionOfType(type),
    String(type.namespaced),
    type.kind,
    ...(wide ? [type.verbs.join(','), type.categories.join(',')] : []),
  ]);
  session.io.out(formatColumns(options.headers === false ? rows : [header, ...rows]));
}
