import { findCondition } from '#schemas/meta/conditions.ts';
import type { Database } from '#schemas/v1alpha1/database.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { defaultServerOf, type DatabaseLike } from './server-indexes.ts';
import { isFullFor, isNowhere } from './server-room.ts';

// Which DatabaseServer a Database is on. What is decided once stays: its data does not follow.

/** A server that is not the one that a host keeps for itself, by name; plain data. */
export interface Elsewhere {
  readonly elsewhere?: string;
  /** It was declared gone for good: nobody speaks to it. */
  readonly isLost?: true;
}

/** Whether a DatabaseServer is one that hosts do not keep for themselves. */
export function elsewhereOf(name: string | undefined, cache: Cache): Elsewhere {
  if (name === undefined) return {};
  const { managed, lost = false } = cache.get(databaseServerKind, { name })?.spec ?? {};
  if (managed !== undefined) return {};
  return { elsewhere: name, ...(lost ? { isLost: true } : {}) };
}

/** What to say, and to do, about what was on a server that is gone for good. */
export function serverLost(name: string, nextStep: string): Pending {
  return pending('ServerLost', `DatabaseServer ${name} was declared lost, with all that was on it: ${nextStep}.`);
}

/** Whether two names are of one server: a host has one of its own, whether it is declared or not. */
export function isSameServer(one: string | undefined, other: string | undefined, cache: Cache): boolean {
  return elsewhereOf(one, cache).elsewhere === elsewhereOf(other, cache).elsewhere;
}

/** Whether a host knows the administrator of a server already, or there is nothing to know. Agents have no say in it. */
export function isAdmitted(host: string | undefined, { spec, status }: DatabaseServer): boolean {
  return spec.external === undefined || (host !== undefined && status?.hosts?.includes(host) === true);
}

/** What of a Database says where it is to be. */
interface Placing {
  readonly spec: DatabaseLike['spec'];
  readonly status?: { readonly host?: string };
}

/** Whether a Database is on a server by what is declared. What its status says is not enough: the agent of its host may write that. */
export function isRightlyOn(database: Placing, server: DatabaseServer, cache: Cache): boolean {
  if (isAdmitted(database.status?.host, server)) return true;
  const wanted = wantedServer(database, cache);
  return wanted !== undefined && !isPending(wanted) && wanted.metadata.name === server.metadata.name;
}

/** The server that a Database is on or, before it has a host, is to come to. */
export function serverOf(database: Database, cache: Cache): string | undefined | Pending {
  return isNowhere(database) ? chosenServer(database, cache) : presentServer(database, cache);
}

function presentServer(database: Database, cache: Cache): string | undefined | Pending {
  const name = database.status?.server;
  const server = name === undefined ? undefined : cache.get(databaseServerKind, { name });
  if (name === undefined || server === undefined || isRightlyOn(database, server, cache)) return name;
  return pending('ServerNotReady', `Its status names DatabaseServer ${name}, where it was not put.`);
}

/** The server that a Database is to come to, by name; `undefined`: the one that its host keeps for itself. */
function chosenServer(database: Database, cache: Cache): string | undefined | Pending {
  const server = wantedServer(database, cache);
  if (server === undefined) return objectionToAdoption(database, server);
  if (isPending(server)) return server;
  const { name } = server.metadata;
  const objection = unfitFor(database, server) ?? objectionToAdoption(database, server) ?? notReady(server);
  if (objection !== undefined) return objection;
  return isFullFor(server, database, cache)
    ? pending('ServerFull', `DatabaseServer ${name} has as many Databases as it may have: choose another one.`)
    : name;
}

function unfitFor({ spec: { engine } }: Database, { metadata, spec }: DatabaseServer): Pending | undefined {
  const { name, deletionTimestamp } = metadata;
  if (spec.lost) return serverLost(name, 'choose another one');
  if (spec.engine !== engine)
    return pending('ServerUnfit', `DatabaseServer ${name} is of ${spec.engine}, and not of ${engine}.`);
  if (deletionTimestamp === undefined) return undefined;
  return pending('ServerUnfit', `DatabaseServer ${name} is being deleted: choose another one.`);
}

/** Whether what is to be adopted may be, on the server that it has come to; `undefined` also where nothing is to be. */
export function objectionToAdoptionHere(database: Database, cache: Cache): Pending | undefined {
  const name = database.status?.server;
  return objectionToAdoption(database, name === undefined ? undefined : cache.get(databaseServerKind, { name }));
}

/** Its administrator alone says whose a database becomes that is there already. */
function objectionToAdoption({ metadata, spec }: Database, server: DatabaseServer | undefined): Pending | undefined {
  const wanted = spec.adopt?.databaseName;
  if (wanted === undefined) return undefined;
  if (server === undefined)
    return pending(
      'NotAdoptable',
      `${wanted} is to be adopted, and no DatabaseServer lists it: name one (spec.serverRef).`,
    );
  const isListed = server.spec.adoptable.some(
    ({ databaseName, namespace }) => databaseName === wanted && namespace === metadata.namespace,
  );
  if (isListed) return undefined;
  const message = `DatabaseServer ${server.metadata.name} does not list ${wanted} as one that this namespace may adopt (spec.adoptable).`;
  return pending('NotAdoptable', message);
}

/** Of a server elsewhere the leader has found out whether it does. */
function notReady({ metadata: { name }, spec, status }: DatabaseServer): Pending | undefined {
  const said = findCondition(status?.conditions, 'Ready');
  if (spec.external === undefined || said?.status === 'True') return undefined;
  const why = said?.message ?? 'nobody has looked at it yet.';
  return pending('ServerNotReady', `DatabaseServer ${name} cannot be used: ${why}`);
}

export function wantedServer({ spec }: Pick<Placing, 'spec'>, cache: Cache): DatabaseServer | undefined | Pending {
  if (spec.serverRef === undefined) return defaultServerOf(spec.engine, cache);
  const { name } = spec.serverRef;
  return cache.get(databaseServerKind, { name }) ?? pending('ServerNotFound', `There is no DatabaseServer ${name}.`);
}

function pending(reason: string, message: string): Pending {
  return { pending: { reason, message } };
}
