import { isEqual } from '#runtime/base/json.ts';
import { BugError } from '#runtime/base/errors.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import { parseAccounts, withAccount, withoutAccount, type AccountFiles } from './account-files.ts';
import type { Accounts, AccountsAction } from './model.ts';

/** What the driver acts on. */
export interface AccountsWorld {
  readonly host: Host;
}

/** Accounts by owner. */
export type AccountsSnapshot = ReadonlyMap<string, Accounts>;

const noAccounts: Accounts = new Map();
const fileNames = ['shadow', 'group', 'passwd'] as const;

/** Accounts of tenants in the files of libnss-extrausers, which programs read on every look-up: nothing has to be told of a change. */
export const accountsDriver: Driver<'accounts', AccountsSnapshot, Accounts, AccountsAction, AccountsWorld> = {
  name: 'accounts',
  nothing: noAccounts,
  normalize: (desired) => desired,
  observe: (world, signal) => observeAccounts(world.host, signal),
  of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? noAccounts,
  plan: planAccounts,
  apply: applyAccount,
  watchDrift: async (world, onDrift, signal) => {
    const { accountsDirectory } = world.host;
    if (accountsDirectory === undefined) return;
    await world.host.watchFiles(accountsDirectory, () => onDrift(undefined), signal, { flat: true });
  },
};

async function observeAccounts(host: ReadOnlyHost, signal: AbortSignal): Promise<AccountsSnapshot> {
  if (host.accountsDirectory === undefined) return new Map();
  const files = await readAccountFiles(host, host.accountsDirectory, signal);
  const snapshot = new Map<string, Map<string, { uid: number; gid: number; home: string }>>();
  for (const { name, uid, gid, home, owner } of parseAccounts(files.passwd)) {
    // One that the other files do not know differs from every wanted one, and is there to be deleted.
    const isWhole = hasLine(files.group, name) && hasLine(files.shadow, name);
    const own = snapshot.get(owner) ?? new Map<string, { uid: number; gid: number; home: string }>();
    own.set(name, { uid, gid, home: isWhole ? home : '' });
    snapshot.set(owner, own);
  }
  return snapshot;
}

function hasLine(text: string, name: string): boolean {
  return text.startsWith(`${name}:`) || text.includes(`\n${name}:`);
}

function planAccounts(owner: Owner, desired: Accounts, observed: Accounts): readonly AccountsAction[] {
  const mark = ownerId(owner);
  const names = [...new Set([...observed.keys(), ...desired.keys()])].toSorted();
  return names.flatMap((name): readonly AccountsAction[] => {
    const from = observed.get(name);
    const to = desired.get(name);
    if (isEqual(from, to)) return [];
    const common = {
      driver: 'accounts',
      subject: `accounts/${mark}/${name}`,
      disruption: 'none',
      changes: fieldChanges(from, to),
    } as const;
    return to === undefined
      ? [{ ...common, op: 'delete-account', reason: 'no longer wanted', input: { name, owner: mark } }]
      : [
          {
            ...common,
            op: 'put-account',
            reason: from === undefined ? 'missing' : 'differs',
            input: { name, ...to, owner: mark },
          },
        ];
  });
}

/** A whole file each, one rename each; passwd last, since its line is what we know our own by. */
async function applyAccount(action: AccountsAction, { host }: AccountsWorld, signal: AbortSignal): Promise<void> {
  const directory = host.accountsDirectory;
  if (directory === undefined) throw new BugError('this host has no place for accounts');
  const before = await readAccountFiles(host, directory, signal);
  const after =
    action.op === 'put-account' ? withAccount(before, action.input) : withoutAccount(before, action.input.name);
  for (const name of fileNames) {
    if (after[name] === before[name]) continue;
    const mode = name === 'shadow' ? 0o640 : 0o644;
    await host.replaceFile(`${directory}/${name}`, after[name], { mode, uid: 0, gid: 0, durable: true }, signal);
  }
}

async function readAccountFiles(host: ReadOnlyHost, directory: string, signal: AbortSignal): Promise<AccountFiles> {
  const maxBytes = 64 * 1024 * 1024;
  const read = async (name: string): Promise<string> =>
    (await host.readText(`${directory}/${name}`, signal, maxBytes)) ?? '';
  return { passwd: await read('passwd'), group: await read('group'), shadow: await read('shadow') };
}
