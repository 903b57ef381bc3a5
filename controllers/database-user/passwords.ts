import { isRecord } from '#runtime/base/json.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { isSecretsNamespace, secretsNamespaceOf } from '#controllers/host-secrets.ts';

/** One password of a DatabaseUser, by what stands for it. */
export type Password = NonNullable<NonNullable<DatabaseUser['status']>['passwords']>[number];

/** Which passwords a DatabaseUser has. It is stored with them, in one write, so that what it says is so whenever somebody dies. */
export interface Passwords {
  /** The current one, and at most one beside it. */
  readonly passwords: readonly Password[];
  /** Since when the current one is the one that is handed out; RFC 3339. */
  readonly rotatedAt: string;
  /** The last request that led to one. */
  readonly rotatedFor?: string;
  /** Of the Secret that the current one was read from, where a person gave it. */
  readonly given?: string;
}

/** The Secret with the passwords themselves, by their ids: for the agent of the host, and for whoever writes the connection. */
export function passwordsSecretOf(user: Named, host: string): { readonly namespace: string; readonly name: string } {
  return { namespace: secretsNamespaceOf(host), name: passwordsNameOf(user) };
}

interface Named {
  readonly namespace?: string;
  readonly name: string;
}

/** What it is called, on whichever host. */
export function passwordsNameOf({ namespace = '', name }: Named): string {
  return `database-user.${namespace}.${name}`;
}

/** For whom a Secret has passwords, as `ownerId` writes it; `undefined` where it is none of these. */
export function passwordsOwnerOf({
  metadata: { namespace, annotations = {} },
}: Pick<KubeObject, 'metadata'>): string | undefined {
  const isOurs = isSecretsNamespace(namespace) && annotations[ANNOTATIONS.passwords] !== undefined;
  return isOurs ? annotations[ANNOTATIONS.owner] : undefined;
}

export function currentOf({ passwords }: Pick<Passwords, 'passwords'>): Password | undefined {
  return passwords.find(({ state }) => state === 'Current');
}

export function besideOf({ passwords }: Pick<Passwords, 'passwords'>): Password | undefined {
  return passwords.find(({ state }) => state !== 'Current');
}

/** As the annotation of their Secret has it. */
export function renderPasswords(passwords: Passwords): string {
  return JSON.stringify(passwords);
}

/** `undefined` for what is not there, was made for somebody else, or was changed by hand so that it says nothing any more. */
export function passwordsIn(
  { metadata: { annotations = {} } }: Pick<KubeObject, 'metadata'>,
  owner: string,
): Passwords | undefined {
  return annotations[ANNOTATIONS.owner] === owner ? parsePasswords(annotations[ANNOTATIONS.passwords]) : undefined;
}

export function parsePasswords(text: string | undefined): Passwords | undefined {
  const value = parsed(text ?? '');
  if (!isRecord(value) || !isRow(value['passwords'])) return undefined;
  const { passwords, rotatedAt, rotatedFor, given } = value;
  if (typeof rotatedAt !== 'string' || Number.isNaN(Date.parse(rotatedAt))) return undefined;
  return {
    passwords,
    rotatedAt,
    ...(typeof rotatedFor === 'string' ? { rotatedFor } : {}),
    ...(typeof given === 'string' ? { given } : {}),
  };
}

/** One of them is current. */
function isRow(value: unknown): value is readonly Password[] {
  if (!Array.isArray(value) || value.length > 2 || !value.every(isPassword)) return false;
  return value.filter(({ state }) => state === 'Current').length === 1;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPassword(value: unknown): value is Password {
  if (!isRecord(value)) return false;
  const { id, login, state } = value;
  const isKnown = ['First', 'Second'].includes(String(login)) && ['Current', 'Next', 'Former'].includes(String(state));
  return isKnown && typeof id === 'string' && /^[0-9a-f]{10}$/.test(id);
}
