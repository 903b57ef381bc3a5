import type { KubeObject } from '#schemas/meta/object.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { namesOf } from './domain/names.ts';

/** Domains and Zones by each name that they want. */
export const BY_WANTED_NAME = 'wantedName';

export const wantedNames = [
  { kind: domainKind, index: { name: BY_WANTED_NAME, valuesOf: wantedNamesOf } },
  { kind: zoneKind, index: { name: BY_WANTED_NAME, valuesOf: wantedNamesOf } },
] as const;

/** The names that a Domain or Zone wants. */
export function wantedNamesOf(object: KubeObject): readonly string[] {
  return object.kind === zoneKind.kind
    ? [(object as Zone).spec.name]
    : namesOf(object as Domain).map(({ hostname }) => hostname);
}

/** Domains and Zones, of whatever tenant, that want a name and are to stay. */
export function thoseWanting(hostname: string, cache: Cache): readonly KubeObject[] {
  return [domainKind, zoneKind]
    .flatMap((kind): readonly KubeObject[] => cache.byIndex(kind, BY_WANTED_NAME, hostname))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}
