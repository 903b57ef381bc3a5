import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { DatabaseAction, DatabaseSettings, DatabaseState, LoginSettings } from './model.ts';

/**
 * What brings one owner's databases and logins from `observed` to `desired`: databases before the logins that use them, and what goes the other way round.
 *
 * | wanted   | its own on the server                | action                    |
 * | -------- | ------------------------------------ | ------------------------- |
 * | settings | none, others                         | create-, put-             |
 * | kept     | not closed, or another's from now on | keep-database             |
 * | –        | any                                  | drop-                     |
 */
export function planDatabases<Name extends string>(
  driver: Name,
  owner: Owner,
  { desired, observed }: { readonly desired: DatabaseState; readonly observed: DatabaseState },
): readonly DatabaseAction<Name>[] {
  const common = { driver, owner: ownerId(owner) };
  const stays = new Set([...desired.databases.keys(), ...(desired.kept ?? new Map<string, string>()).keys()]);
  const databases = changesOf(common, 'database', { ...desired, wanted: desired.databases, stays }, observed.databases);
  const logins = changesOf(common, 'login', { wanted: desired.logins, stays: desired.logins }, observed.logins);
  return [
    ...databases.put,
    ...logins.put,
    ...keepsOf(common, { desired, observed }),
    ...logins.drop,
    ...databases.drop,
  ] as unknown as readonly DatabaseAction<Name>[];
}

interface Common {
  readonly driver: string;
  readonly owner: string;
}

/** What of one kind is wanted. */
interface Wanted<Settings> extends Pick<DatabaseState, 'heirTo'> {
  readonly wanted: ReadonlyMap<string, Settings | undefined>;
  /** Names of what is not dropped. */
  readonly stays: Pick<ReadonlySet<string>, 'has'>;
}

function changesOf<Settings extends DatabaseSettings | LoginSettings>(
  { driver, owner }: Common,
  what: 'database' | 'login',
  { wanted, stays, heirTo }: Wanted<Settings>,
  observed: ReadonlyMap<string, Settings | undefined>,
) {
  const common = (name: string) => ({ driver, subject: `${driver}/${owner}/${name}`, input: { name, owner } });
  const put = [...wanted].toSorted(byName).flatMap(([name, settings]) => {
    const found = observed.get(name);
    if (settings === undefined || (found !== undefined && isEqual(found, settings))) return [];
    const [op, reason] = observed.has(name) ? (['put', 'differs'] as const) : (['create', 'missing'] as const);
    const { input, ...rest } = common(name);
    const changes = fieldChanges(found, settings);
    const claim = heirTo === undefined ? input : { ...input, heirTo };
    return [{ ...rest, op: `${op}-${what}`, reason, disruption: 'none', changes, input: { ...claim, settings } }];
  });
  const gone = [...observed.keys()].filter((name) => !stays.has(name)).toSorted();
  const disruption = what === 'database' ? 'data-loss' : 'none';
  const drop = gone.map((name) => ({
    ...common(name),
    op: `drop-${what}`,
    reason: 'no longer wanted',
    disruption,
    changes: [],
  }));
  return { put, drop };
}

function keepsOf(
  { driver, owner }: Common,
  { desired, observed }: { readonly desired: DatabaseState; readonly observed: DatabaseState },
) {
  return [...(desired.kept ?? [])]
    .filter(([name, heir]) => {
      const isClosed = observed.databases.get(name)?.access === 'Closed';
      return observed.databases.has(name) && !(isClosed && heir === owner);
    })
    .toSorted(byName)
    .map(([name, heir]) => ({
      driver,
      op: 'keep-database',
      subject: `${driver}/${owner}/${name}`,
      reason: 'to be kept',
      disruption: 'none',
      changes: [],
      input: { name, owner, heir },
    }));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
