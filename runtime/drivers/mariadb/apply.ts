import { RefusedError } from '#runtime/base/errors.ts';
import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { ServerAction } from '#runtime/drivers/databases/model.ts';
import { dropDatabaseOf, putDatabase } from './apply-database.ts';
import { dropLoginOf, putLogin } from './apply-login.ts';
import { keepDatabaseOf } from './keep.ts';

/** Carries out one action. All of it can be repeated. */
export async function applyMariadb(
  action: ServerAction<'mariadb'>,
  world: DatabasesWorld,
  signal: AbortSignal,
): Promise<void> {
  if (!(await world.host.hasServer(signal))) throw new RefusedError('ServerMissing', 'This host has no MariaDB.');
  switch (action.op) {
    case 'create-database':
    case 'put-database':
      return await putDatabase(action.input, world.host, signal);
    case 'create-login':
    case 'put-login':
      return await putLogin(action.input, world, signal);
    case 'keep-database':
      return await keepDatabaseOf(action.input, world.host, signal);
    case 'drop-database':
      return await dropDatabaseOf(action.input, world.host, signal);
    case 'drop-login':
      return await dropLoginOf(action.input, world.host, signal);
  }
}
