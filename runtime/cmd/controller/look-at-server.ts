import type { LookAtServer } from '#controllers/database-server/looks-driver.ts';
import { readSecret } from '#controllers/secret-store.ts';
import { PostponedError, required } from '#runtime/base/errors.ts';
import { externalServer } from '#runtime/cmd/declared-server.ts';
import { lookAtMariadb } from '#runtime/drivers/mariadb/index.ts';
import { lookAtPostgresql } from '#runtime/drivers/postgresql/index.ts';

const lookAt = { PostgreSQL: lookAtPostgresql, MariaDB: lookAtMariadb } as const;
const timeoutMs = 20_000;

/** From where the leader runs, which reaches a server as hosts do. Nothing is made there. */
export const lookAtServer: LookAtServer = async ({ name, spec }, client, signal) => {
  const { engine, versions } = spec;
  const external = required(spec.external, 'a server elsewhere');
  const secrets = {
    read: async (namespace: string, secret: string, asking: AbortSignal) =>
      (await readSecret(client, { namespace, name: secret }, asking))?.values,
  };
  let found = '';
  const host = externalServer(
    { name, external, versions },
    {
      secrets,
      // What it would be told is of no interest yet.
      readProgramText: () => Promise.resolve(''),
      onVersion: (version) => void (found = version),
    },
  );
  try {
    await lookAt[engine](host, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  } catch (err) {
    signal.throwIfAborted();
    if (err instanceof PostponedError) throw err;
    const words = err instanceof Error ? err.message : String(err);
    throw new PostponedError('ServerUnreachable', words, { cause: err });
  }
  return found;
};
