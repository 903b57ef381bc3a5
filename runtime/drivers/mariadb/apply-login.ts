import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { Claimant, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { differenceOf, readAccounts, type Account, type Accounts, type WantedAccount } from './account.ts';
import { changeGrant } from './change-grant.ts';
import { claim, isOwn } from './claim.ts';
import { endSessions } from './end-sessions.ts';
import { grantChanges, wantedGrants, type Grants } from './grants.ts';
import { dropMark, putMark, readMarks, settleMark } from './marks.ts';
import { nativeHash, verifierOf } from './native-password.ts';
import { hostsOf } from './places.ts';
import { withServer, type Server } from './server.ts';
import { alterLogin, createLogin, dropLogin } from './statements.ts';

/** What a login is to be, and for whom. */
interface Wanted extends Claimant {
  readonly settings: LoginSettings;
}

/** Its mark, then its accounts and their rights, then an end to sessions that have others, or that are to have none. */
export async function putLogin(wanted: Wanted, { host, secrets }: DatabasesWorld, signal: AbortSignal): Promise<void> {
  const { name, settings } = wanted;
  const hashes = await hashesOf(settings, secrets, signal);
  const mustEnd = await withServer(host, signal, async (server) => await bring(server, wanted, hashes));
  if (mustEnd) await endSessions(host, [name], signal);
  await withServer(host, signal, async (server) => await settleMark(server, 'login', name));
}

/** Whether there may be sessions with other rights than it has now. */
async function bring(server: Server, wanted: Wanted, hashes: readonly string[]): Promise<boolean> {
  const { name, owner, settings } = wanted;
  const hosts = hostsOf(settings.origins);
  const found: Accounts = (await readAccounts(server, name)).get(name) ?? new Map();
  const before = await claim(server, 'login', wanted, found.size > 0);
  const verifier = verifierOf(hashes);
  await putMark(server, 'login', { name, owner, settings, verifier });
  const surplus = [...found.keys()].filter((host) => !hosts.includes(host));
  for (const host of surplus) await server.tell(dropLogin({ name, host }));
  const databases = await readMarks(server, 'database', Object.keys(settings.grants));
  const grants = wantedGrants(settings, new Map(databases.map((mark) => [mark.name, mark])));
  let hasChanged = surplus.length > 0;
  for (const host of hosts) {
    const account = { found: found.get(host), wanted: { host, verifier, settings }, hashes, grants };
    if (await putAccount(server, name, account)) hasChanged = true;
  }
  return hasChanged || settings.isLocked || before?.isSettled === false;
}

interface AccountWork {
  readonly found: Account | undefined;
  readonly wanted: WantedAccount;
  readonly hashes: readonly string[];
  readonly grants: Grants;
}

/** From one place. Whether it had other rights before on what it could reach. */
async function putAccount(
  server: Server,
  name: string,
  { found, wanted, hashes, grants }: AccountWork,
): Promise<boolean> {
  const { host, settings } = wanted;
  const login = { name, host };
  const difference = differenceOf(found, wanted);
  if (difference === 'ours') await server.tell(alterLogin(login, hashes, settings));
  if (difference === 'more') await server.tell(createLogin(login, hashes, settings));
  const changes = grantChanges(difference === 'more' ? new Map() : (found?.grants ?? new Map()), grants);
  for (const change of changes) await changeGrant(server, login, change);
  const wasReplaced = difference === 'more' && found !== undefined;
  return wasReplaced || changes.some(({ isFirst }) => !isFirst);
}

async function hashesOf(
  { password, otherPassword }: LoginSettings,
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const first = nativeHash(await readPassword(password, secrets, signal));
  return otherPassword === undefined
    ? [first]
    : [first, nativeHash(await readPassword(otherPassword, secrets, signal))];
}

export async function dropLoginOf(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<void> {
  const { name, owner } = claimant;
  const isOurs = await withServer(host, signal, async (server) => {
    if (!(await isOwn(server, 'login', claimant))) return false;
    await putMark(server, 'login', { name, owner, settings: undefined, verifier: undefined });
    const accounts = (await readAccounts(server, name)).get(name);
    for (const host of accounts?.keys() ?? []) await server.tell(dropLogin({ name, host }));
    return true;
  });
  if (!isOurs) return;
  await endSessions(host, [name], signal);
  await withServer(host, signal, async (server) => await dropMark(server, 'login', name));
}
