import { findCondition } from '#schemas/meta/conditions.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';

// What placement asks of a Host that it does not choose. One that nobody knows is in no state: it may be declared again.

export function isHostSilent(name: string, cache: Cache): boolean {
  return findCondition(cache.get(hostKind, { name })?.status?.conditions, 'Ready')?.reason === 'AgentSilent';
}

export function isHostLost(name: string, cache: Cache): boolean {
  return cache.get(hostKind, { name })?.spec.lost === true;
}

export function isHostDrained(name: string, cache: Cache): boolean {
  return cache.get(hostKind, { name })?.spec.drain === true;
}
