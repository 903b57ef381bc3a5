import type { ServerHost } from './server-host.ts';
import type { DatabasesSnapshot } from './snapshot.ts';

// A server whose marks may be of another installation: an owner without an object here may have one there. So those alone count as ours that had one here before.

const served = new WeakMap<ServerHost, Set<string>>();

/** What was seen on a server, with whom this process knows to be of this installation; unless all of it is. */
export function amongOthers(
  seen: DatabasesSnapshot,
  host: ServerHost,
  isServedHere: (owner: string) => boolean = () => true,
): DatabasesSnapshot {
  if (host.isShared !== true) return seen;
  const before = servedOn(host);
  const all = [...seen.databases.byOwner.keys(), ...seen.logins.byOwner.keys()];
  served.set(host, new Set(all.filter((owner) => before.has(owner) || isServedHere(owner))));
  return { ...seen, isServed: (owner) => servedOn(host).has(owner) };
}

/** Something is done there for an owner. */
export function noteServed(host: ServerHost, owner: string): void {
  if (host.isShared === true) servedOn(host).add(owner);
}

function servedOn(host: ServerHost): Set<string> {
  const known = served.get(host) ?? new Set();
  served.set(host, known);
  return known;
}
