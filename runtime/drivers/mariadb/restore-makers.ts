import { HostError } from '#runtime/base/errors.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { table as marks } from './marks.ts';
import { madeFrom, routineDigest, triggersOf, viewIn, type Holder, type Made } from './made.ts';
import { readersFirst } from './readers-first.ts';
import { openAs, withServer, type ServerApart } from './server.ts';
import { accountText, identifier, type Account } from './statements.ts';

/** A copy that nobody but us uses any more. */
interface Restoring extends Holder {
  /** Who filled it, and is noted as the maker of all in it. */
  readonly filler: Account;
  /** Who may do there what an owner does, in the name of anybody. */
  readonly maker: Account & { readonly password: string };
  readonly host: ServerHost;
  readonly signal: AbortSignal;
}

/**
 * What was made in a copy has again the maker that is noted, if it is what was noted: then it does what it did, with the rights that it had. Nothing that tenants
 * wrote is run for it, and the server alone reads the text of triggers and views. HostError for a maker who is no login of ours.
 */
export async function restoreMakers(noted: AsyncIterable<string>, restoring: Restoring): Promise<void> {
  const { maker, host, database, signal } = restoring;
  const session = await openAs({ username: maker.name, password: maker.password }, host, signal);
  try {
    await session.tell(`USE ${identifier(database)}`);
    const judged = new Set<string>();
    const views: Made[] = [];
    for await (const word of noted) {
      const made = madeFrom(word);
      if (made === undefined) continue;
      if (!judged.has(made.maker)) await requireOurs(made, restoring);
      judged.add(made.maker);
      if (made.kind === 'routine') await restoreRoutine(made, restoring);
      else if (made.kind === 'trigger') await restoreTrigger(made, session, restoring);
      else views.push(made);
    }
    for (const view of await readersFirst(views, database, session)) await restoreView(view, session, restoring);
  } finally {
    session.close();
  }
}

/** One that is gone may come again. */
async function requireOurs({ maker, kind, name }: Made, { host, signal }: Restoring): Promise<void> {
  const { name: login } = accountOf(maker);
  const rows = await withServer(
    host,
    signal,
    async (server) =>
      await server.ask(
        `SELECT 1 FROM mysql.global_priv WHERE User = ? AND NOT EXISTS (SELECT 1 FROM ${marks} WHERE kind = 'login' AND name = User)`,
        [login],
      ),
  );
  if (rows.length > 0 || administrators.has(login))
    throw new HostError(`${kind} ${name} is by ${maker}, who is no DatabaseUser: it cannot be restored as theirs`);
}

/** Not all of them have to be there. */
const administrators: ReadonlySet<string> = new Set(['root', 'mysql', 'mariadb.sys', '']);

/** Nobody has used it yet, so that no session knows it as it was. */
async function restoreRoutine({ of, name, maker, digest }: Made, { database, host, signal }: Restoring): Promise<void> {
  const where = `WHERE db = ? AND name = ? AND type = ? AND ${routineDigest} = ?`;
  await withServer(host, signal, async (server) => {
    await server.tell(`UPDATE mysql.proc SET definer = ? ${where}`, [maker, database, name, of, digest]);
  });
}

async function restoreTrigger(made: Made, session: ServerApart, restoring: Restoring): Promise<void> {
  const { database, host, signal } = restoring;
  const found = await withServer(host, signal, async (server) => await triggersOf(server, database, made.of));
  if (!found.some(({ name, digest }) => name === made.name && digest === made.digest)) return;
  const [row = {}] = await session.ask(`SHOW CREATE TRIGGER ${identifier(made.name)}`);
  await session.tell('SET SESSION sql_mode = ?, collation_connection = ?', [
    String(row['sql_mode']),
    String(row['collation_connection']),
  ]);
  await session.tell(renamed(String(row['SQL Original Statement']), made, restoring));
}

async function restoreView(made: Made, session: ServerApart, restoring: Restoring): Promise<void> {
  const { host, signal } = restoring;
  const found = await withServer(host, signal, async (server) => await viewIn(server, restoring, made.name));
  if (found?.digest !== made.digest) return;
  await session.tell(`SET SESSION sql_mode = ''`);
  const [row = {}] = await session.ask(`SHOW CREATE VIEW ${identifier(made.name)}`);
  await session.tell('SET SESSION collation_connection = ?', [String(row['collation_connection'])]);
  await session.tell(renamed(String(row['Create View']), made, restoring));
}

/** The statement that makes a thing anew, with another maker: the server writes its beginning, and quotes names there in one of two ways. */
function renamed(statement: string, { maker }: Made, { filler: { name, host } }: Restoring): string {
  const [, before = '', rest = ''] = /^CREATE ((?:ALGORITHM=\w+ )?DEFINER=)(.*)$/s.exec(statement) ?? [];
  const own = ['`', '"'].map((quote) => `${quote}${name}${quote}@${quote}${host}${quote} `);
  const found = own.find((each) => rest.startsWith(each));
  if (found === undefined) throw new HostError('what was restored from its dump is by somebody else');
  return `CREATE OR REPLACE ${before}${accountText(accountOf(maker))} ${rest.slice(found.length)}`;
}

/** No place has an `@` in it. */
function accountOf(maker: string): Account {
  const at = maker.lastIndexOf('@');
  return { name: maker.slice(0, at), host: maker.slice(at + 1) };
}
