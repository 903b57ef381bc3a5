import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { isShut, noDatabases, stateOn, type DatabaseState, type ServersState } from './model.ts';
import type { DatabasesSnapshot } from './snapshot.ts';

/** Whoever has a login, or a database that somebody may be let into. */
export function servedOwners({ databases, logins, isServed }: DatabasesSnapshot): ReadonlySet<string> {
  const open = [...databases.found.values()].filter(({ settings }) => !isShut(settings));
  const owners = [...logins.byOwner.keys(), ...open.map(({ owner }) => owner)];
  return new Set(owners.filter((owner) => owner !== undefined && isServed?.(owner) !== false) as string[]);
}

/** Its databases stay its own, closed; its logins go. */
export function withoutObject(owner: Owner, { databases }: DatabaseState): DatabaseState {
  const itself = ownerId(owner);
  return { ...noDatabases, kept: new Map([...databases.keys()].map((name) => [name, itself])) };
}

/** The same, on all servers of which it is known what they have. */
export function withoutObjectAnywhere(owner: Owner, observed: ServersState): ServersState {
  const elsewhere = [...(observed.elsewhere ?? new Map<string, DatabaseState>())].filter(
    ([, { isUnknown }]) => isUnknown !== true,
  );
  return {
    ...withoutObject(owner, stateOn(observed, '')),
    ...(observed.isUnknown === true ? { isStranger: true } : {}),
    elsewhere: new Map(elsewhere.map(([server, state]) => [server, withoutObject(owner, state)])),
  };
}
