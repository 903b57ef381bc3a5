import { RefusedError } from '#runtime/base/errors.ts';
import { createDatabasesDriver, type DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { ServerAction } from '#runtime/drivers/databases/model.ts';
import { postgresqlArchiving } from './archive.ts';
import { dropDatabase, dropLogin } from './drop.ts';
import { keepDatabase } from './keep.ts';
import { observeDatabases } from './observe.ts';
import { endOverlong, measureDatabases } from './patrol.ts';
import { putDatabase } from './put-database.ts';
import { putLogin } from './put-login.ts';

export type PostgresqlAction = ServerAction<'postgresql'>;

/** Databases and logins of one PostgreSQL server. */
export const postgresqlDriver = createDatabasesDriver({
  name: 'postgresql',
  observe: observeDatabases,
  measure: measureDatabases,
  endOverlong,
  archiving: postgresqlArchiving,
  apply: async (action: PostgresqlAction, world: DatabasesWorld, signal: AbortSignal) => {
    if (!(await world.host.hasServer(signal)))
      throw new RefusedError('ServerMissing', 'This host has no PostgreSQL server.');
    switch (action.op) {
      case 'create-database':
      case 'put-database':
        return await putDatabase(action.input, world, signal);
      case 'create-login':
      case 'put-login':
        return await putLogin(action.input, world, signal);
      case 'keep-database':
        return await keepDatabase(action.input, world, signal);
      case 'drop-database':
        return await dropDatabase(action.input, world, signal);
      case 'drop-login':
        return await dropLogin(action.input, world, signal);
    }
  },
});
