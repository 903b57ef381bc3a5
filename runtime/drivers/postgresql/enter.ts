import { PostponedError } from '#runtime/base/errors.ts';
import {
  checkVersion,
  holderHere,
  type HolderHere,
  type JudgeHolder,
  type ServerHost,
} from '#runtime/drivers/databases/server-host.ts';
import { checkHolder, judgeHolder, noteHolder } from './holder.ts';
import { administrator } from './render.ts';
import { openSession, type Ask, type Session } from './session.ts';
import { literal, name as quoted, shipped, sql } from './sql.ts';

/** The database of ours on a server of others: it has our marks, and nobody but administrators gets in. */
const administration = 'wcp360';
/** The first version that has all that is said to it. */
const oldest = '15';

/** Whoever takes a server up has this until its session ends. */
const takingUp = sql`361`;

/** Servers of others that have been looked at, and as whose. */
const fit = new WeakMap<ServerHost, HolderHere | undefined>();

/** The administrator where our marks are, which are made on a server that has none yet. PostponedError where the server does not do. */
export async function openAdministration(host: ServerHost, signal: AbortSignal): Promise<Session> {
  if (host.server === '') return await openSession(host, administrator, signal);
  if (!fit.has(host)) await takeUp(host, signal);
  let session: Session | undefined;
  try {
    session = await openSession(host, administration, signal);
    const { ask } = session;
    const here = fit.get(host);
    if (here !== undefined) await checkHolder(async (statement) => await ask(statement, signal), here);
    return session;
  } catch (err) {
    session?.close();
    // Somebody may have made the server anew.
    fit.delete(host);
    throw err;
  }
}

/** Looks whether a server of others does, and is nobody else's, and makes nothing there. PostponedError where it does not. */
export async function lookAtServer(host: ServerHost, signal: AbortSignal, judge: JudgeHolder): Promise<void> {
  let isTakenUp = false;
  await within(host, 'postgres', signal, async (ask) => {
    await check(ask, host);
    isTakenUp = await hasAdministration(ask);
  });
  if (isTakenUp) await within(host, administration, signal, async (ask) => await judgeHolder(ask, judge));
}

/** PostponedError where somebody has it who is no superuser: what is in there would be run by the administrator. */
async function hasAdministration(ask: Ask): Promise<boolean> {
  const [found] = await ask(sql`SELECT r.rolname AS owner, r.rolsuper AS "isSuper"
    FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = ${literal(administration)}`);
  if (found?.['isSuper'] === false)
    throw new PostponedError(
      'ServerUnfit',
      `Database ${administration} of the server, which is to have the marks of WCP360, belongs to ${String(found['owner'])}, who is no superuser: rename or drop it, or give it and all that is in it to one.`,
    );
  return found !== undefined;
}

/** Looks whether a server of others does, and makes what is ours there: one host at a time, and as often as one likes. */
async function takeUp(host: ServerHost, signal: AbortSignal): Promise<void> {
  const here = await holderHere(host, signal);
  const marks = shipped(await host.readProgramText(new URL('./inside/marks.sql', import.meta.url), signal));
  await within(host, 'postgres', signal, async (ask) => {
    await check(ask, host);
    await ask(sql`SELECT pg_advisory_lock(${takingUp})`);
    if (!(await hasAdministration(ask))) await ask(sql`CREATE DATABASE ${quoted(administration)}`);
    await ask(sql`REVOKE ALL ON DATABASE ${quoted(administration)} FROM PUBLIC`);
    await within(host, administration, signal, async (askThere) => {
      await askThere(marks);
      if (here !== undefined) await noteHolder(askThere, here);
    });
  });
  fit.set(host, here);
}

async function within(
  host: ServerHost,
  database: string,
  signal: AbortSignal,
  work: (ask: Ask) => Promise<unknown>,
): Promise<void> {
  const session = await openSession(host, database, signal);
  try {
    await work(async (statement) => await session.ask(statement, signal));
  } finally {
    session.close();
  }
}

/** What keeps tenants apart, and lets them in. */
async function check(ask: Ask, host: ServerHost): Promise<void> {
  const [facts] = await ask(sql`SELECT current_setting('server_version') AS version, rolsuper AS "isSuper",
      current_setting('max_prepared_transactions') AS prepared
    FROM pg_roles WHERE rolname = current_user`);
  const version = String(facts?.['version']).split(' ')[0] ?? '';
  host.onVersion?.(version);
  checkVersion(version, host.versions ?? {}, oldest);
  if (facts?.['isSuper'] !== true)
    throw new PostponedError('ServerUnfit', 'The administrator of the server has to be a superuser of PostgreSQL.');
  if (facts['prepared'] !== '0')
    throw new PostponedError(
      'ServerUnfit',
      'The server lets transactions be prepared, which outlive their sessions: set max_prepared_transactions to 0.',
    );
  const [door] = await ask(
    sql`SELECT inet_client_addr() IS NOT NULL OR (${firstSocketRule}) IN ('scram-sha-256', 'md5') AS "letsIn"`,
  );
  if (door?.['letsIn'] !== true)
    throw new PostponedError(
      'ServerUnfit',
      'The pg_hba.conf of the server lets nobody in by a password over its socket: put `local all all scram-sha-256` in place of its first rule for all.',
    );
}

/** How those who have no rule of their own are asked who they are at the socket. */
const firstSocketRule = sql`SELECT auth_method FROM pg_hba_file_rules
  WHERE type = 'local' AND database = '{all}' AND user_name = '{all}' ORDER BY line_number LIMIT 1`;
