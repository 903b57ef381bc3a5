import { randomBytes } from 'node:crypto';
import { isEqual } from '#runtime/base/json.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { deleteSecret, readKnownSecret, writeSecret, type SecretContent } from '#controllers/secret-store.ts';
import {
  currentOf,
  parsePasswords,
  passwordsNameOf,
  passwordsOwnerOf,
  renderPasswords,
  type Passwords,
} from '#controllers/database-user/passwords.ts';
import { afterStep, type Asked, type Step } from './succession.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** What is done next with the passwords of a DatabaseUser. */
export interface PasswordsWork {
  readonly step: Step;
  /** What this was decided from: nothing is done where it is no longer so. */
  readonly found?: Passwords;
  readonly asked: Pick<Asked, 'given' | 'request'>;
  /** Where a person has put the password. */
  readonly source?: { readonly name: string; readonly key: string };
  /** Where the password is handed out: what its users know is kept when ours is lost. */
  readonly connectionSecret: string;
}

/** Where their Secret is, or is to be, by namespace, and what is to be done with it; that is never in what is found. */
export interface PasswordsState {
  readonly at: readonly string[];
  readonly work?: PasswordsWork;
}

const BY_OWNER = 'passwordsOf';

function ownersOf(secret: KubeObject): readonly string[] {
  const owner = passwordsOwnerOf(secret);
  return owner === undefined ? [] : [owner];
}

/** Secrets with passwords of DatabaseUsers, by whom they are for. */
export const passwordSecrets = {
  kind: secretKind,
  index: { name: BY_OWNER, valuesOf: ownersOf },
};

interface OfUser {
  /** The Secret. */
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly owner: string;
}

export type PasswordsAction =
  | Action<'passwords', 'write-passwords', OfUser & { readonly namespace: string; readonly work: PasswordsWork }>
  | Action<'passwords', 'delete-passwords', OfUser>;

/** The Secret with the passwords of a DatabaseUser and what they are used for, which change together or not at all. The snapshot is the cache itself. */
export function createPasswordsDriver<W extends World>(
  now: () => number,
): Driver<'passwords', Cache, PasswordsState, PasswordsAction, W> {
  return {
    name: 'passwords',
    writesApi: true,
    nothing: { at: [] },
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => ({
      at: cache
        .byIndex(secretKind, BY_OWNER, ownerId(owner))
        .map(({ metadata: { namespace = '' } }) => namespace)
        .toSorted(),
    }),
    plan: planPasswords,
    apply: async ({ op, input }, world, signal) => {
      const { secret: key, owner: madeFor } = input;
      if (op === 'delete-passwords') return await deleteSecret(world.client, { key, madeFor }, signal);
      await takeStep({ world, now, signal }, input);
    },
  };
}

const reasons: Readonly<Record<Step, string>> = {
  Make: 'missing',
  Follow: 'another one was given',
  Begin: 'the next one is asked for or due',
  Promote: 'the server takes the next one, and the Secret has it',
  Forget: 'the former one has been good long enough',
};

function planPasswords(owner: Owner, desired: PasswordsState, observed: PasswordsState): readonly PasswordsAction[] {
  const common = (at: string) => {
    const name = passwordsNameOf(owner);
    const input = { secret: { namespace: at, name }, owner: ownerId(owner) };
    return { driver: 'passwords', subject: `Secret/${at}/${name}`, disruption: 'none', changes: [], input } as const;
  };
  const { at, work } = desired;
  const { namespace } = owner;
  const written =
    work === undefined
      ? []
      : at.map((place) => {
          const { input, ...rest } = common(place);
          return {
            ...rest,
            op: 'write-passwords',
            reason: reasons[work.step],
            input: { ...input, namespace, work },
          } as const;
        });
  const gone = observed.at.filter((place) => !at.includes(place));
  return [
    ...written,
    ...gone.map((place) => ({ ...common(place), op: 'delete-passwords', reason: 'no longer wanted' }) as const),
  ];
}

interface Hands {
  readonly world: World;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

async function takeStep(
  { world, now, signal }: Hands,
  { secret: key, namespace, owner, work }: Extract<PasswordsAction, { op: 'write-passwords' }>['input'],
): Promise<void> {
  const there = await readKnownSecret(world, key, signal);
  const found = there?.madeFor === owner ? parsePasswords(there.notes[ANNOTATIONS.passwords]) : undefined;
  if (!isEqual(found, work.found)) return;
  const made = makes(work.step) ? await makePassword({ world, signal }, { namespace, owner, work }) : undefined;
  const id = idOf(made, found, there);
  const next = afterStep(work.step, found, { id, asked: work.asked, nowMs: now() });
  const known = { ...there?.values, ...(made === undefined ? {} : { [id]: made }) };
  const ids = new Set(next.passwords.map((password) => password.id));
  const values = Object.fromEntries(Object.entries(known).filter(([each]) => ids.has(each)));
  const notes = { [ANNOTATIONS.passwords]: renderPasswords(next) };
  await writeSecret(
    world.client,
    { key, type: 'Opaque', fieldManager: 'wcp360-database-users', values, madeFor: owner, notes, before: { there } },
    signal,
  );
}

function makes(step: Step): boolean {
  return step === 'Make' || step === 'Follow' || step === 'Begin';
}

/** Of a Secret of which something else was changed the password is the same. */
function idOf(made: string | undefined, found: Passwords | undefined, there: SecretContent | undefined): string {
  const current = found && currentOf(found);
  if (current !== undefined && made !== undefined && there?.values[current.id] === made) return current.id;
  return randomBytes(5).toString('hex');
}

/** The one that a person gave, the one that is handed out already, or one of 192 random bits. */
async function makePassword(
  { world, signal }: Pick<Hands, 'world' | 'signal'>,
  { namespace, owner, work }: { readonly namespace: string; readonly owner: string; readonly work: PasswordsWork },
): Promise<string> {
  const { step, source, connectionSecret } = work;
  const read = async (name: string) => await readKnownSecret(world, { namespace, name }, signal);
  if (source !== undefined) return givenIn(await read(source.name), source);
  const handedOut = step === 'Make' ? await read(connectionSecret) : undefined;
  const known = handedOut?.madeFor === owner ? handedOut.values['password'] : undefined;
  return known !== undefined && problemOf(known) === undefined ? known : randomBytes(24).toString('base64url');
}

const shortest = 8;
const longest = 256;

/** RefusedError for one that is not there or does not do. */
function givenIn(
  secret: SecretContent | undefined,
  { name, key }: { readonly name: string; readonly key: string },
): string {
  const password = secret?.values[key];
  if (password === undefined) throw new RefusedError('PasswordNotFound', `Secret ${name} has nothing under ${key}.`);
  const problem = problemOf(password);
  if (problem === undefined) return password;
  throw new RefusedError('PasswordUnfit', `The password under ${key} in Secret ${name} ${problem}.`);
}

function problemOf(password: string): string | undefined {
  const { length } = Array.from(password);
  if (password.includes('\u{fffd}')) return 'is not UTF-8';
  if (/[\r\n]$/u.test(password)) return 'ends with a line end: write it without one';
  if (/\p{Cc}/u.test(password)) return 'has a control character';
  if (length < shortest) return `has fewer than ${shortest} characters`;
  return length > longest ? `has more than ${longest} characters` : undefined;
}
