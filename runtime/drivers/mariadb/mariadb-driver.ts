import { createDatabasesDriver } from '#runtime/drivers/databases/create-driver.ts';
import { applyMariadb } from './apply.ts';
import { mariadbArchiving } from './archive.ts';
import { observeMariadb } from './observe.ts';
import { endOverlong, measureDatabases } from './patrol.ts';

/**
 * Databases and logins of MariaDB, over its socket. What others have on the same server is left alone; a change counts from the moment that the server has
 * answered, so there is nothing to settle.
 */
export const mariadbDriver = createDatabasesDriver({
  name: 'mariadb',
  observe: async ({ host }, signal) => await observeMariadb(host, signal),
  apply: applyMariadb,
  archiving: mariadbArchiving,
  measure: async ({ host }, signal) => await measureDatabases(host, signal),
  endOverlong,
});
