import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export const quotaCollection = 'core/resourcequotas';

/** Kinds that a quota may also count under their bare name, from before `count/` existed. */
const bareNames: ReadonlySet<string> = new Set(['configmaps', 'resourcequotas', 'secrets', 'services']);

/** The names in `spec.hard` under which objects of a resource are counted. */
export function countNamesOf(resource: Pick<ResourceInfo, 'group' | 'resource'>): readonly string[] {
  const counted = `count/${resource.resource}${resource.group === '' ? '' : `.${resource.group}`}`;
  return resource.group === '' && bareNames.has(resource.resource) ? [counted, resource.resource] : [counted];
}

/** The collection that a name in `spec.hard` counts; `undefined` for amounts that nothing here uses (cpu, pods…). */
export function countedCollection(name: string): string | undefined {
  if (bareNames.has(name)) return `core/${name}`;
  if (!name.startsWith('count/')) return undefined;
  const counted = name.slice('count/'.length);
  const dot = counted.indexOf('.');
  return dot < 0 ? `core/${counted}` : `${counted.slice(dot + 1)}/${counted.slice(0, dot)}`;
}

/** What a quota limits, as written. A quota with scopes is about pods only and limits nothing here. */
export function hardOf(quota: KubeObject): Readonly<Record<string, unknown>> {
  const spec = quota['spec'];
  if (!isRecord(spec) || !isRecord(spec['hard'])) return {};
  const isScoped = (Array.isArray(spec['scopes']) && spec['scopes'].length > 0) || isRecord(spec['scopeSelector']);
  return isScoped ? {} : spec['hard'];
}

/** What `status.used` says. */
export function usedOf(quota: KubeObject): Readonly<Record<string, unknown>> {
  const status = quota['status'];
  return isRecord(status) && isRecord(status['used']) ? status['used'] : {};
}

const factors: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** A count written as a quantity (`10`, `"10"`, `"1k"`); `undefined` when it is none. */
export function countOf(quantity: unknown): number | undefined {
  if (typeof quantity === 'number') return Number.isFinite(quantity) ? quantity : undefined;
  if (typeof quantity !== 'string') return undefined;
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,9})?)([a-zA-Z]{0,2})$/.exec(quantity) ?? [];
  const factor = factors[unit];
  return digits === '' || factor === undefined ? undefined : Number(digits) * factor;
}
