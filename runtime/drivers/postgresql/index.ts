export type { PostgresqlSettings } from './postgresql-settings.ts';
export { postgresqlDriver, type PostgresqlAction } from './postgresql-driver.ts';
export { startPostgresql, stopPostgresql } from './start-postgresql.ts';
