import { secretKind } from '#schemas/meta/builtin.ts';
import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { isPending, type Pending } from '#runtime/manager/controller.ts';
import { isHostGone } from '#controllers/handover.ts';
import { usernameOf } from '#controllers/database-names.ts';
import { serverOn, type ServerOnHost } from '#controllers/database-server.ts';
import { passwordsIn, passwordsSecretOf, type Passwords } from '#controllers/database-user/passwords.ts';
import { usedDatabases, type UsedDatabases } from '#controllers/database-user/used-databases.ts';
import type { StayingInputs } from '#controllers/staying-place.ts';
import { defined } from '#controllers/whereabouts.ts';
import type { Connection } from './connection.ts';
import { isHandedOut } from './connections-driver.ts';
import { lastPlaceOf } from './last-place.ts';
import type { PasswordsWork } from './passwords-driver.ts';
import { stepOf, toHandOut, type Asked } from './succession.ts';

/** What the leader knows about a DatabaseUser; plain data. */
export interface DatabaseUserClusterInputs extends StayingInputs {
  /** As they are stored. */
  readonly passwords?: Passwords;
  readonly asked: Asked;
  readonly work?: PasswordsWork;
  /** What is handed out, once the server takes the password. */
  readonly connection?: Connection;
  /** The resourceVersion of the Secret that has it; empty while it is not there. */
  readonly secretVersion: string;
}

/** Reads its Databases, their server, and what is stored of its passwords. */
export function gatherUser(user: DatabaseUser, cache: Cache, nowMs: number): DatabaseUserClusterInputs | Pending {
  const last = lastPlaceOf(user, cache);
  if (last !== undefined) return { ...last, asked: { graceMs: 0, accepted: [] }, secretVersion: '' };
  return gatherUse(user, cache, nowMs);
}

function gatherUse(user: DatabaseUser, cache: Cache, nowMs: number): DatabaseUserClusterInputs | Pending {
  const { namespace = '', name } = user.metadata;
  const used = usedDatabases(user, cache);
  if (isPending(used)) return used;
  const server = serverOn(used.host, { engine: used.engine, server: used.server }, cache);
  if (isPending(server)) return server;
  const asked = askedOf(user, cache);
  if (isPending(asked)) return asked;
  const { host } = used;
  const stored = cache.get(secretKind, passwordsSecretOf(user.metadata, host));
  const passwords = stored && passwordsIn(stored, `DatabaseUser/${namespace}/${name}`);
  const connection = connectionOf(user, { ...server, host, grants: used.grants }, passwords);
  const known = { ...asked, ...defined({ handedOut: handedOutOf(user, connection, cache) }) };
  return {
    host,
    lostHosts: cache.get(hostKind, { name: host })?.spec.lost === true ? [host] : [],
    asked: known,
    ...defined({ passwords, heir: heirAmong(user, host, cache), connection }),
    ...workOf(user, { passwords, asked: known, nowMs }),
    secretVersion: versionOf({ namespace, name: user.spec.secretName }, cache) ?? '',
  };
}

/** It follows its Databases from a host that is gone. */
function heirAmong({ status }: DatabaseUser, host: string, cache: Cache): string | undefined {
  const isLeft = status?.host !== undefined && status.host !== host && isHostGone(status.host, cache);
  return isLeft && !isHostGone(host, cache) ? host : undefined;
}

/** `undefined` while it is not there. */
function versionOf(key: ObjectKey, cache: Cache): string | undefined {
  return cache.get(secretKind, key)?.metadata.resourceVersion;
}

/** What the server does not take yet is not handed out. */
function connectionOf(
  { metadata, status }: DatabaseUser,
  { host, engine, address, grants }: ServerOnHost & Pick<UsedDatabases, 'grants' | 'host'>,
  passwords: Passwords | undefined,
): Connection | undefined {
  const password = passwords && toHandOut(passwords, status?.acceptedPasswords ?? []);
  if (password === undefined) return undefined;
  const { namespace = '', name } = metadata;
  const username = usernameOf({ namespace, name }, engine, password.login);
  const where = { engine, ...address, database: grants[0]?.[0] ?? '' };
  const { namespace: passwordNamespace, name: passwordSecret } = passwordsSecretOf(metadata, host);
  return { ...where, username, passwordNamespace, passwordSecret, passwordId: password.id };
}

/** The password that the Secret has, once that says what it is to say. */
function handedOutOf(
  { metadata: { namespace = '', name }, spec: { secretName } }: DatabaseUser,
  connection: Connection | undefined,
  cache: Cache,
): string | undefined {
  const secret = cache.get(secretKind, { namespace, name: secretName });
  if (secret === undefined || connection === undefined) return undefined;
  return isHandedOut(secret, `DatabaseUser/${namespace}/${name}`, connection) ? connection.passwordId : undefined;
}

function askedOf({ metadata, spec, status }: DatabaseUser, cache: Cache): Asked | Pending {
  const { namespace = '', annotations = {} } = metadata;
  const { interval = '', gracePeriod } = spec.rotation;
  const given = givenIn(namespace, spec.passwordSecretRef, cache);
  if (isPending(given)) return given;
  return {
    ...defined({ given, request: annotations[ANNOTATIONS.rotate], intervalMs: msOf(interval) }),
    graceMs: msOf(gracePeriod) ?? 0,
    accepted: status?.acceptedPasswords ?? [],
  };
}

/** In whole seconds, as times of a status are: what is due then is due by it. */
function msOf(duration: string): number | undefined {
  const seconds = parseDurationSeconds(duration);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** `mine/password@7`: another one whenever the Secret was changed. */
function givenIn(
  namespace: string,
  source: DatabaseUser['spec']['passwordSecretRef'],
  cache: Cache,
): string | undefined | Pending {
  if (source === undefined) return undefined;
  const version = versionOf({ namespace, name: source.name }, cache);
  if (version !== undefined) return `${source.name}/${source.key}@${version}`;
  const message = `There is no Secret ${source.name}, which its password is to be in.`;
  return { pending: { reason: 'PasswordNotFound', message } };
}

function workOf(
  { spec }: DatabaseUser,
  {
    passwords,
    asked,
    nowMs,
  }: { readonly passwords: Passwords | undefined; readonly asked: Asked; readonly nowMs: number },
): Pick<DatabaseUserClusterInputs, 'work'> {
  const step = stepOf(passwords, asked, nowMs);
  if (step === undefined) return {};
  const { given, request } = asked;
  const { passwordSecretRef: source, secretName: connectionSecret } = spec;
  const optional = defined<Pick<PasswordsWork, 'found' | 'source'>>({ found: passwords, source });
  return { work: { step, ...optional, asked: defined({ given, request }), connectionSecret } };
}
