import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import { isShut, type DatabaseAction, type DatabaseSettings, type DatabaseState, type LoginSettings } from './model.ts';

/**
 * What brings one owner's databases and logins from `observed` to `desired`: databases before the logins that use them, and what goes the other way round.
 *
 * | wanted   | its own on the server                | action                    |
 * | -------- | ------------------------------------ | ------------------------- |
 * | settings | none, others                         | create-, put-             |
 * | kept     | not closed, or another's from now on | keep-database             |
 * | dumped   | closed, and its own                  | dump-database             |
 * | –        | any                                  | drop-                     |
 *
 * Of a database with which a job is at work nothing else is done until that has ended, by itself or since it is not wanted any more. While a job of another's
 * is at work with one that is kept, or not wanted any more, it is left as it is: it becomes the other's. One that has failed keeps nobody from dropping it.
 */
export function planDatabases<Name extends string>(
  driver: Name,
  owner: Owner,
  { desired, observed }: { readonly desired: DatabaseState; readonly observed: DatabaseState },
): readonly DatabaseAction<Name>[] {
  const common = { driver, owner: ownerId(owner) };
  const stays = new Set([
    ...desired.databases.keys(),
    ...(desired.kept ?? new Map<string, string>()).keys(),
    ...[...(observed.othersJobs ?? [])].filter(([, { phase }]) => phase === 'Running').map(([name]) => name),
  ]);
  const wanted = new Map([...desired.databases].filter(([name]) => observed.jobs?.has(name) !== true));
  const databases = changesOf(common, 'database', { ...desired, wanted, stays }, observed.databases);
  const logins = changesOf(common, 'login', { wanted: desired.logins, stays: desired.logins }, observed.logins);
  return [
    ...endsOf(common, { desired, observed }),
    ...databases.put,
    ...logins.put,
    ...keepsOf(common, { desired, observed }),
    ...dumpsOf(common, { desired, observed }),
    ...logins.drop,
    ...databases.drop,
  ] as unknown as readonly DatabaseAction<Name>[];
}

interface Common {
  readonly driver: string;
  readonly owner: string;
}

/** What of one kind is wanted. */
interface Wanted<Settings> extends Pick<DatabaseState, 'heirTo' | 'adopts'> {
  readonly wanted: ReadonlyMap<string, Settings | undefined>;
  /** Names of what is not dropped. */
  readonly stays: Pick<ReadonlySet<string>, 'has'>;
}

function changesOf<Settings extends DatabaseSettings | LoginSettings>(
  { driver, owner }: Common,
  what: 'database' | 'login',
  { wanted, stays, heirTo, adopts }: Wanted<Settings>,
  observed: ReadonlyMap<string, Settings | undefined>,
) {
  const common = (name: string) => ({ driver, subject: `${driver}/${owner}/${name}`, input: { name, owner } });
  const put = [...wanted].toSorted(byName).flatMap(([name, settings]) => {
    const found = observed.get(name);
    if (settings === undefined || (found !== undefined && isEqual(found, settings))) return [];
    const [op, reason] = observed.has(name) ? (['put', 'differs'] as const) : (['create', 'missing'] as const);
    const { input, ...rest } = common(name);
    const changes = fieldChanges(found, settings);
    const claim = {
      ...input,
      ...(heirTo === undefined ? {} : { heirTo }),
      ...(adopts === undefined ? {} : { adopts }),
    };
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

interface Both {
  readonly desired: DatabaseState;
  readonly observed: DatabaseState;
}

function keepsOf({ driver, owner }: Common, { desired, observed }: Both) {
  return [...(desired.kept ?? [])]
    .filter(([name]) => observed.databases.has(name) && observed.othersJobs?.has(name) !== true)
    .filter(([name, heir]) => !(isShut(observed.databases.get(name)) && heir === owner))
    .toSorted(byName)
    .map(([name, heir]) => ({
      ...actionOn({ driver, owner }, name),
      op: 'keep-database',
      reason: 'to be kept',
      input: { name, owner, heir },
    }));
}

function dumpsOf({ driver, owner }: Common, { desired, observed }: Both) {
  return [...(desired.dumped ?? [])]
    .filter((name) => desired.kept?.get(name) === owner)
    .filter((name) => observed.jobs?.has(name) !== true && observed.othersJobs?.has(name) !== true)
    .filter((name) => observed.databases.get(name)?.access === 'Closed')
    .toSorted()
    .map((name) => ({ ...actionOn({ driver, owner }, name), op: 'dump-database', reason: 'to be kept as a file' }));
}

/** Jobs that nobody wants any more. */
function endsOf({ driver, owner }: Common, { desired, observed }: Both) {
  return [...(observed.jobs ?? new Map<string, unknown>()).keys()]
    .filter((name) => !desired.databases.has(name) && desired.dumped?.has(name) !== true)
    .toSorted()
    .map((name) => ({ ...actionOn({ driver, owner }, name), op: 'end-job', reason: 'no longer wanted' }));
}

function actionOn({ driver, owner }: Common, name: string) {
  const subject = `${driver}/${owner}/${name}`;
  return { driver, subject, disruption: 'none', changes: [], input: { name, owner } } as const;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
