import { randomBytes } from 'node:crypto';
import { isEqual } from '#runtime/base/json.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { deleteSecret, readSecret, writeSecret, type SecretContent } from '#controllers/secret-store.ts';
import {
  currentOf,
  parsePasswords,
  passwordsSecretOf,
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

/** Wanted: what is to be done; found: that they are there. `undefined`: there are none, and to be none. */
export type PasswordsState = { readonly work?: PasswordsWork } | undefined;

interface OfUser {
  readonly namespace: string;
  readonly name: string;
  readonly owner: string;
}

export type PasswordsAction =
  | Action<'passwords', 'write-passwords', OfUser & { readonly work: PasswordsWork }>
  | Action<'passwords', 'delete-passwords', OfUser>;

/** The Secret with the passwords of a DatabaseUser and what they are used for, which change together or not at all. The snapshot is the cache itself. */
export function createPasswordsDriver<W extends World>(
  now: () => number,
): Driver<'passwords', Cache, PasswordsState, PasswordsAction, W> {
  return {
    name: 'passwords',
    nothing: undefined,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => {
      const { namespace, name } = owner;
      const secret = cache.get(secretKind, { namespace, name: passwordsSecretOf(name) });
      return secret?.metadata.annotations?.[ANNOTATIONS.owner] === ownerId(owner) ? {} : undefined;
    },
    plan: planPasswords,
    apply: async ({ op, input }, { client }, signal) => {
      const key = { namespace: input.namespace, name: passwordsSecretOf(input.name) };
      if (op === 'delete-passwords') return await deleteSecret(client, { key, madeFor: input.owner }, signal);
      await takeStep({ client, now, signal }, input);
    },
    settle: () => Promise.resolve(),
  };
}

const reasons: Readonly<Record<Step, string>> = {
  Make: 'missing',
  Follow: 'another one was given',
  Begin: 'the next one is asked for or due',
  Promote: 'the server takes the next one',
  Forget: 'the former one has been good long enough',
};

function planPasswords(owner: Owner, desired: PasswordsState, observed: PasswordsState): readonly PasswordsAction[] {
  const { namespace, name } = owner;
  const common = {
    driver: 'passwords',
    subject: `Secret/${namespace}/${passwordsSecretOf(name)}`,
    disruption: 'none',
    changes: [],
  } as const;
  const input = { namespace, name, owner: ownerId(owner) };
  if (desired === undefined)
    return observed === undefined ? [] : [{ ...common, op: 'delete-passwords', reason: 'no longer wanted', input }];
  const { work } = desired;
  if (work === undefined) return [];
  return [{ ...common, op: 'write-passwords', reason: reasons[work.step], input: { ...input, work } }];
}

interface Hands {
  readonly client: Client;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

async function takeStep(
  { client, now, signal }: Hands,
  { namespace, name, owner, work }: Extract<PasswordsAction, { op: 'write-passwords' }>['input'],
): Promise<void> {
  const key = { namespace, name: passwordsSecretOf(name) };
  const there = await readSecret(client, key, signal);
  const found = there?.madeFor === owner ? parsePasswords(there.notes[ANNOTATIONS.passwords]) : undefined;
  if (!isEqual(found, work.found)) return;
  const made = makes(work.step) ? await makePassword({ client, signal }, { namespace, owner, work }) : undefined;
  const id = idOf(made, found, there);
  const next = afterStep(work.step, found, { id, asked: work.asked, nowMs: now() });
  const known = { ...there?.values, ...(made === undefined ? {} : { [id]: made }) };
  const ids = new Set(next.passwords.map((password) => password.id));
  const values = Object.fromEntries(Object.entries(known).filter(([each]) => ids.has(each)));
  const notes = { [ANNOTATIONS.passwords]: renderPasswords(next) };
  await writeSecret(client, { key, type: 'Opaque', values, madeFor: owner, notes, before: { there } }, signal);
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
  { client, signal }: Pick<Hands, 'client' | 'signal'>,
  { namespace, owner, work }: { readonly namespace: string; readonly owner: string; readonly work: PasswordsWork },
): Promise<string> {
  const { step, source, connectionSecret } = work;
  const read = async (name: string) => await readSecret(client, { namespace, name }, signal);
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
