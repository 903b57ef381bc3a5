import type { Made } from './made.ts';
import type { Server } from './server.ts';
import { identifier } from './statements.ts';

/**
 * Views, each before those that it reads: one whose maker has no rights on what it reads makes no other that reads it. The server writes them with the database
 * before each name. Those that go round in a circle, as only words in a view can, come last.
 */
export async function readersFirst(views: readonly Made[], database: string, server: Server): Promise<readonly Made[]> {
  const byName = new Map(views.map((view) => [identifier(view.name), view]));
  const read = new Map<string, ReadonlySet<string>>();
  const readers = new Map([...byName.keys()].map((name) => [name, 0]));
  for (const [name, view] of byName) {
    const names = new Set(namesIn(await definitionOf(server, database, view), database));
    const others = new Set([...names].filter((other) => other !== name && byName.has(other)));
    read.set(name, others);
    for (const other of others) readers.set(other, (readers.get(other) ?? 0) + 1);
  }
  const order = [...readers].flatMap(([name, count]) => (count === 0 ? [name] : []));
  // It grows meanwhile.
  for (const name of order)
    for (const other of read.get(name) ?? []) {
      const left = (readers.get(other) ?? 0) - 1;
      readers.set(other, left);
      if (left === 0) order.push(other);
    }
  return [...new Set([...order, ...byName.keys()])].flatMap((name) => byName.get(name) ?? []);
}

async function definitionOf(server: Server, database: string, { name }: Made): Promise<string> {
  const [row] = await server.ask(
    'SELECT VIEW_DEFINITION AS definition FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    [database, name],
  );
  return String(row?.['definition']);
}

/** Quoted, all that stand behind the name of the database. */
function* namesIn(definition: string, database: string): Generator<string> {
  const before = `${identifier(database)}.`;
  const quoted = /`(?:[^`]|``)+`/y;
  for (let at = definition.indexOf(before); at !== -1; at = definition.indexOf(before, at + 1)) {
    quoted.lastIndex = at + before.length;
    const [name] = quoted.exec(definition) ?? [];
    if (name !== undefined) yield name;
  }
}
