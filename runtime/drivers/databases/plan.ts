import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { DatabaseAction, DatabaseSettings, DatabaseState, LoginSettings } from './model.ts';

/** What brings one owner's databases and logins from `observed` to `desired`: databases before the logins that use them, and what goes the other way round. */
export function planDatabases<Name extends string>(
  driver: Name,
  owner: Owner,
  { desired, observed }: { readonly desired: DatabaseState; readonly observed: DatabaseState },
): readonly DatabaseAction<Name>[] {
  const common = { driver, owner: ownerId(owner) };
  const databases = changesOf(common, 'database', desired.databases, observed.databases);
  const logins = changesOf(common, 'login', desired.logins, observed.logins);
  return [
    ...databases.put,
    ...logins.put,
    ...logins.drop,
    ...databases.drop,
  ] as unknown as readonly DatabaseAction<Name>[];
}

interface Common {
  readonly driver: string;
  readonly owner: string;
}

function changesOf<Settings extends DatabaseSettings | LoginSettings>(
  { driver, owner }: Common,
  what: 'database' | 'login',
  desired: ReadonlyMap<string, Settings | undefined>,
  observed: ReadonlyMap<string, Settings | undefined>,
) {
  const common = (name: string) => ({ driver, subject: `${driver}/${owner}/${name}`, input: { name, owner } });
  const put = [...desired].toSorted(byName).flatMap(([name, settings]) => {
    const found = observed.get(name);
    if (settings === undefined || (found !== undefined && isEqual(found, settings))) return [];
    const [op, reason] = observed.has(name) ? (['put', 'differs'] as const) : (['create', 'missing'] as const);
    const { input, ...rest } = common(name);
    const changes = fieldChanges(found, settings);
    return [{ ...rest, op: `${op}-${what}`, reason, disruption: 'none', changes, input: { ...input, settings } }];
  });
  const gone = [...observed.keys()].filter((name) => !desired.has(name)).toSorted();
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

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
