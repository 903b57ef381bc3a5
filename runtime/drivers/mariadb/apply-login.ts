import type { DatabasesWorld } from '#runtime/drivers/databases/create-driver.ts';
import type { Claimant, LoginSettings } from '#runtime/drivers/databases/model.ts';
import { readPassword } from '#runtime/drivers/databases/read-password.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { ServerHost } from '#runtime/drivers/databases/server-host.ts';
import { differenceOf, readAccounts, type Account } from './account.ts';
import { changeGrant } from './change-grant.ts';
import { claim, isOwn } from './claim.ts';
import { endSessions } from './end-sessions.ts';
import { grantChanges, wantedGrants } from './grants.ts';
import { dropMark, putMark, readMarks, settleMark } from './marks.ts';
import { nativeHash, verifierOf } from './native-password.ts';
import { withServer, type Server } from './server.ts';
import { alterLogin, createLogin, dropLogin, hostOf } from './statements.ts';

/** What a login is to be, and for whom. */
interface Wanted extends Claimant {
  readonly settings: LoginSettings;
}

/** Its mark, then the account, then its rights, then an end to sessions that have others, or that are to have none. */
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
  const account = (await readAccounts(server, () => hostOf(settings.from), name)).get(name);
  const before = await claim(server, 'login', wanted, account !== undefined);
  await putMark(server, 'login', { name, owner, settings, verifier: verifierOf(hashes) });
  const kept = await putAccount(server, wanted, hashes, account);
  const hasChanged = await putGrants(server, wanted, kept ?? new Map());
  const wasReplaced = account !== undefined && kept === undefined;
  return hasChanged || wasReplaced || settings.isLocked || before?.isSettled === false;
}

/** The grants that it keeps; `undefined` when it was made anew. */
async function putAccount(
  server: Server,
  { name, settings }: Wanted,
  hashes: readonly string[],
  account: Account | undefined,
): Promise<Account['grants'] | undefined> {
  const login = { name, host: hostOf(settings.from) };
  switch (differenceOf(account, verifierOf(hashes), settings)) {
    case 'none':
      return account?.grants;
    case 'ours':
      await server.tell(alterLogin(login, hashes, settings));
      return account?.grants;
    case 'more':
      for (const host of account?.otherHosts ?? []) await server.tell(dropLogin({ name, host }));
      await server.tell(createLogin(login, hashes, settings));
      return undefined;
  }
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

/** Whether it had other rights before on what it could reach. */
async function putGrants(server: Server, { name, settings }: Wanted, found: Account['grants']): Promise<boolean> {
  const databases = await readMarks(server, 'database', Object.keys(settings.grants));
  const wanted = wantedGrants(settings, new Map(databases.map((mark) => [mark.name, mark])));
  const changes = grantChanges(found, wanted);
  for (const change of changes) await changeGrant(server, { name, host: hostOf(settings.from) }, change);
  return changes.some(({ isFirst }) => !isFirst);
}

export async function dropLoginOf(claimant: Claimant, host: ServerHost, signal: AbortSignal): Promise<void> {
  const { name, owner } = claimant;
  const isOurs = await withServer(host, signal, async (server) => {
    if (!(await isOwn(server, 'login', claimant))) return false;
    await putMark(server, 'login', { name, owner, settings: undefined, verifier: undefined });
    const account = (await readAccounts(server, () => '', name)).get(name);
    for (const host of account?.otherHosts ?? []) await server.tell(dropLogin({ name, host }));
    return true;
  });
  if (!isOurs) return;
  await endSessions(host, [name], signal);
  await withServer(host, signal, async (server) => await dropMark(server, 'login', name));
}
