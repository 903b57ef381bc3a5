import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ClusterParts } from './parts.ts';

type AncestorsOf = ClusterParts<never>['ancestorsOf'];

/** Names under which a zone may have the hostname, nearest first. */
export function zoneNamesFor(hostname: string, ancestorsOf: AncestorsOf): readonly string[] {
  return hostname.startsWith('*.') ? ancestorsOf(hostname) : [hostname, ...ancestorsOf(hostname)];
}

/** Zones of a tenant that are not on their way out. */
export function stayingZones(namespace: string | undefined, cache: Cache): readonly Zone[] {
  return cache.list(zoneKind, namespace).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The Zone that has a hostname or wildcard: the nearest, since what stands in it is what is answered. */
export function zoneOf(hostname: string, zones: readonly Zone[], ancestorsOf: AncestorsOf): Zone | undefined {
  const [nearest] = zoneNamesFor(hostname, ancestorsOf).flatMap(
    (name) => zones.find(({ spec }) => spec.name === name) ?? [],
  );
  return nearest;
}

/** The name of a hostname within its Zone; `@` for the Zone itself. */
export function nameWithin({ spec }: Zone, hostname: string): string {
  return hostname === spec.name ? '@' : hostname.slice(0, -spec.name.length - 1);
}
