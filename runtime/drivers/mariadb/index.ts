export type { MariadbSettings } from './mariadb-settings.ts';
export { mariadbPaths } from './mariadb-settings.ts';
export { mariadbDriver } from './mariadb-driver.ts';
export { startMariadb, stopMariadb } from './start-mariadb.ts';
export { mariadbDumps, mariadbProgram } from './programs.ts';
