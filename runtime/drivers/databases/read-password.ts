import { RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { PasswordRef } from './model.ts';

/** RefusedError where there is none, and for one that no client could send. */
export async function readPassword(
  { namespace, name, key }: PasswordRef,
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<string> {
  const password = (await secrets.read(namespace, name, signal))?.[key] ?? '';
  if (password === '') throw new RefusedError('SecretNotFound', `Secret ${name} has no password for the login.`);
  if (password.includes('\0'))
    throw new RefusedError('PasswordRefused', `The password in Secret ${name} has a zero byte.`);
  return password;
}
