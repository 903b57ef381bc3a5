import type { LookAtServer, ServerWork } from '#controllers/database-server/looks-driver.ts';
import { readStoreUid } from '#controllers/host/store-identity.ts';
import { readSecret } from '#controllers/secret-store.ts';
import { PostponedError, required } from '#runtime/base/errors.ts';
import { externalServer } from '#runtime/cmd/declared-server.ts';
import type { JudgeHolder, ServerHolder } from '#runtime/drivers/databases/server-host.ts';
import { lookAtMariadb } from '#runtime/drivers/mariadb/index.ts';
import { lookAtPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';

const lookAt = { PostgreSQL: lookAtPostgresql, MariaDB: lookAtMariadb } as const;
const timeoutMs = 20_000;

/** From where the leader runs, which reaches a server as hosts do. Nothing is made there. */
export const lookAtServer: LookAtServer = async (work, client, signal) => {
  const { name, spec } = work;
  const { engine, versions } = spec;
  const external = required(spec.external, 'a server elsewhere');
  const secrets = {
    read: async (namespace: string, secret: string, asking: AbortSignal) =>
      (await readSecret(client, { namespace, name: secret }, asking))?.values,
  };
  let found = '';
  const host = externalServer(
    { name, engine, external, versions },
    {
      secrets,
      // What it would be told is of no interest yet.
      readProgramText: () => Promise.resolve(''),
      onVersion: (version) => void (found = version),
    },
  );
  try {
    const installation = (await readStoreUid(client, signal)) ?? '';
    const judge: JudgeHolder = (holder) => judgeHolder(holder, { installation, server: name }, work);
    await lookAt[engine](host, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), judge);
  } catch (err) {
    signal.throwIfAborted();
    if (err instanceof PostponedError) throw err;
    const words = err instanceof Error ? err.message : String(err);
    throw new PostponedError('ServerUnreachable', words, { cause: err });
  }
  return found;
};

/**
 * Whether a DatabaseServer may use a server, by who is noted there: itself, one that is declared no more, or whose an administrator says that it was.
 * PostponedError `ServerUnfit` for somebody else's.
 */
export function judgeHolder(
  holder: ServerHolder,
  self: ServerHolder,
  { others, confirmed }: Pick<ServerWork, 'others' | 'confirmed'>,
): ServerHolder | undefined {
  const isOurs = holder.installation === self.installation;
  if (isOurs && holder.server === self.server) return undefined;
  if (isOurs && (!others.includes(holder.server) || confirmed === holder.server)) return self;
  if (!isOurs && confirmed === holder.installation) return self;
  const said = isOurs
    ? `The server is the one of DatabaseServer ${holder.server}: use that, and delete this one. If this is a copy of it that runs beside it`
    : `The server is used by another installation (${holder.installation}, as ${holder.server}), which would take Databases of the same names for its own. If that one is gone, or is this one before its store was made anew`;
  const word = isOurs ? holder.server : holder.installation;
  const message = `${said}: kubectl annotate databaseserver ${self.server} --overwrite ${ANNOTATIONS.confirm}=${word}`;
  throw new PostponedError('ServerUnfit', message);
}
