import { RefusedError } from '#runtime/base/errors.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { PhpPool } from './model.ts';

/** Where the variables of a site come from. */
export interface VariableSources extends Pick<PhpPool, 'environment'> {
  readonly environmentFrom: readonly Pick<PhpPool['environmentFrom'][number], 'namespace' | 'name' | 'prefix'>[];
}

/** Secrets in order, then plain variables, so that what stands in the Domain itself wins. RefusedError `SecretNotFound`. */
export async function variablesOf(
  { environment, environmentFrom }: VariableSources,
  secrets: SecretReader | undefined,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const variables: Record<string, string> = {};
  for (const from of environmentFrom) {
    const secret = await secrets?.read(from.namespace, from.name, signal);
    if (secret === undefined) throw new RefusedError('SecretNotFound', `The Secret "${from.name}" was not found.`);
    for (const [key, value] of Object.entries(secret)) variables[`${from.prefix ?? ''}${key}`] = value;
  }
  return { ...variables, ...environment };
}
