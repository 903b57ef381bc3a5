export type { MariadbSettings } from './mariadb-settings.ts';
export { mariadbPaths } from './mariadb-settings.ts';
export { lookAtServer as lookAtMariadb } from './server.ts';
export { ownServer as ownMariadb } from './own-server.ts';
export { mariadbDriver } from './mariadb-driver.ts';
export { hasHiddenTriggers } from './hidden-triggers.ts';
export { placeMariadbIdentity, reloadMariadb, startMariadb, stopMariadb } from './start-mariadb.ts';
export { mariadbDumps, mariadbProgram } from './programs.ts';
export { relayMariadb } from './relay.ts';
