import type { Claimant, DatabaseSettings } from '#runtime/drivers/databases/model.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { inside } from './administration.ts';
import { checkAdopted, isAdopted, isOthers } from './adopt.ts';
import { closeOthers, isBeingAdopted, shutOut } from './close-others.ts';
import type { SeenDatabase } from './look.ts';
import type { Ask } from './session.ts';

interface Place {
  readonly host: ServerHost;
  readonly ask: Ask;
  readonly signal: AbortSignal;
}

interface Wanted extends Claimant {
  readonly settings: DatabaseSettings;
  /** Throws where it is not what it has to be. */
  readonly refuse: () => void;
}

/** Closes what others have, or what an agent that died has closed and not finished; where it will not do it is given back. */
export async function takeOver(
  wanted: Wanted,
  found: SeenDatabase | undefined,
  { host, ask, signal }: Place,
): Promise<void> {
  const { name, owner } = wanted;
  const check = async (): Promise<void> => {
    wanted.refuse();
    await inside({ host, database: name, signal }, ask, async (there) => await checkAdopted(there, wanted));
  };
  if (isOthers(found)) await closeOthers(ask, { name, owner }, check);
  else if (await isUnfinished(found, { host, ask, signal })) await shutOut(ask, name, check);
}

/** Whether a database of others was closed to be taken over, and is still as they left it inside. */
export async function isUnfinished(found: SeenDatabase | undefined, { host, ask, signal }: Place): Promise<boolean> {
  if (found === undefined || found.mark !== null || found.facts === null) return false;
  if (!(await isBeingAdopted(ask, found.name))) return false;
  let isDone = false;
  await inside({ host, database: found.name, signal }, ask, async (there) => {
    isDone = await isAdopted(there);
  });
  return !isDone;
}
