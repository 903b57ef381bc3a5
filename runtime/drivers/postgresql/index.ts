export type { PostgresqlSettings } from './postgresql-settings.ts';
export { postgresqlDriver, type PostgresqlAction } from './postgresql-driver.ts';
export { lookAtServer as lookAtPostgresql } from './enter.ts';
export { installedPostgresql, programsFor } from './installed.ts';
export { ownServer as ownPostgresql } from './own-server.ts';
export { socketDirectory } from './render.ts';
export { placePostgresqlIdentity, reloadPostgresql, startPostgresql, stopPostgresql } from './start-postgresql.ts';
export { postgresqlDumps, postgresqlProgram } from './programs.ts';
export { relayPostgresql } from './relay.ts';
