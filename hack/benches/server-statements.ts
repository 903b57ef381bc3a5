import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '#controllers/database-names.ts';
import { administrators, openEngineSession, type EngineSession } from './reference/engine-session.ts';

/** What a server of databases was sent; PostgreSQL counts messages, which may hold several statements. */
export interface Statements {
  readonly reads: number;
  readonly writes: number;
}

/** Counts by the server's own word. */
export interface StatementCount {
  /** Since it was opened. */
  soFar(): Promise<Statements>;
  close(): Promise<void>;
}

/** Of the server below this root, of everybody but whoever counts. */
export async function countStatements(engine: Engine, root: string): Promise<StatementCount> {
  const session = await openEngineSession(engine, { root, username: administrators[engine] });
  return engine === 'PostgreSQL' ? await countPostgresql(session, root) : await countMariadb(session);
}

/** As the driver calls its sessions. */
const ofDriver = 'wcp360> LOG:  statement: ';
/** A lock is taken for a change. */
const reading = /^\s*SELECT\b(?!\s+pg_advisory)/i;

/** By its log, which has all messages meanwhile. */
async function countPostgresql(session: EngineSession, root: string): Promise<StatementCount> {
  const parameters = { log_statement: "'all'", log_line_prefix: "'%a> '" };
  const log = async (): Promise<string> => await readFile(join(root, 'databases/postgresql/postgresql.log'), 'utf8');
  for (const [name, value] of Object.entries(parameters)) await session.ask(`ALTER SYSTEM SET ${name} = ${value}`);
  await session.ask('SELECT pg_reload_conf()');
  const before = (await log()).length;
  return {
    soFar: async () => {
      const messages = (await log())
        .slice(before)
        .split('\n')
        .filter((line) => line.startsWith(ofDriver));
      const reads = messages.filter((line) => reading.test(line.slice(ofDriver.length))).length;
      return { reads, writes: messages.length - reads };
    },
    close: async () => {
      for (const name of Object.keys(parameters)) await session.ask(`ALTER SYSTEM RESET ${name}`);
      await session.ask('SELECT pg_reload_conf()');
      await session.close();
    },
  };
}

/** Commands of statements that read, and of what is none. */
const mariadbReads = /^Com_(?:select|show_(?!status$).*)$/;
const mariadbOther = /^Com_(?:show_status|stmt_.*|admin_commands|set_option|change_db|begin|commit)$/;

async function countMariadb(session: EngineSession): Promise<StatementCount> {
  const read = async (): Promise<Statements> => {
    const rows = await session.ask(String.raw`SHOW GLOBAL STATUS LIKE 'Com\_%'`);
    const sum = (isCounted: (name: string) => boolean): number =>
      rows.reduce((all, row) => (isCounted(String(row['Variable_name'])) ? all + Number(row['Value']) : all), 0);
    return {
      reads: sum((name) => mariadbReads.test(name)),
      writes: sum((name) => !mariadbReads.test(name) && !mariadbOther.test(name)),
    };
  };
  const before = await read();
  return {
    soFar: async () => {
      const { reads, writes } = await read();
      return { reads: reads - before.reads, writes: writes - before.writes };
    },
    close: session.close,
  };
}
