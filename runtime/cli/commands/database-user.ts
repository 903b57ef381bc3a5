import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Session } from '#runtime/cli/session.ts';
import type { WaitOptions } from './certificate.ts';
import { follow } from './follow.ts';
import { notFound } from './get.ts';

const type = resourceTypeOf(databaseUserKind);

/** `wcpctl databaseuser rotate NAME`: has another password made. The one before works for the grace period. */
export async function rotatePassword(session: Session, name: string, options: WaitOptions): Promise<void> {
  const key = { name, namespace: await session.namespace() };
  const { passwordSecretRef } = (await read(session, key)).spec;
  if (passwordSecretRef !== undefined) {
    const message = `the password of databaseuser ${name} is in Secret ${passwordSecretRef.name}: change it there`;
    throw new ApiError(409, 'Conflict', message);
  }
  const value = new Date().toISOString();
  const body = { metadata: { annotations: { [ANNOTATIONS.rotate]: value } } };
  await (await session.client()).patch(type, key, { type: 'merge', body }, { fieldManager: 'wcpctl-databaseuser' });
  if (options.wait === false) return said(session, name, 'is asked for another password');
  const isDone = (object: object): boolean => isHandedOut(object as DatabaseUser, value);
  await follow(session, { type, ...key, condition: 'Rotating', isDone, timeout: options.timeout });
  const { formerPasswordUntil: until } = (await read(session, key)).status ?? {};
  said(session, name, `has another password${until === undefined ? '' : `; the one before works until ${until}`}`);
}

function isHandedOut({ status = {} }: DatabaseUser, value: string): boolean {
  return status.rotatedFor === value && status.passwords?.every(({ state }) => state !== 'Next') === true;
}

async function read(session: Session, key: ObjectKey): Promise<DatabaseUser> {
  const found = await (await session.client()).get<DatabaseUser>(type, key);
  if (found === undefined) throw notFound(type, key.name);
  return found;
}

function said(session: Session, name: string, text: string): void {
  session.io.out(`databaseuser.hosting.wcp360.io/${name} ${text}\n`);
}
