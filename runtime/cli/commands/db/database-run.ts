import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HostError } from '#runtime/base/errors.ts';
import type { Session } from '#runtime/cli/session.ts';
import { runRemote, type RemoteRun } from '#runtime/streams/run-remote.ts';
import type { StreamTarget } from '#schemas/meta/streams.ts';

export interface DatabaseOptions {
  /** The DatabaseUser as which it is done. */
  readonly user?: string;
}

/** Where a Database is worked with, and as whom. */
export async function databaseTarget(
  session: Session,
  name: string,
  { subresource, user }: { readonly subresource: StreamTarget['subresource'] } & DatabaseOptions,
): Promise<Pick<RemoteRun, 'target' | 'query'>> {
  const target = { resource: 'databases', subresource, namespace: await session.namespace(), name } as const;
  return { target, query: user === undefined ? [] : [['user', user]] };
}

/** Of a program's complaints, as much as is repeated. */
const wordsCharacters = 4_096;

/** Runs a program to its end. HostError with its own words when it does not end well. */
export async function runWell(
  session: Session,
  run: Pick<RemoteRun, 'target' | 'query' | 'stdin' | 'stdout' | 'signal'>,
): Promise<void> {
  const stderr = new PassThrough();
  const words = text(stderr);
  const exitCode = await runRemote(await session.client(), { ...run, stderr }).finally(() => stderr.end());
  if (exitCode === 0) return;
  const said = (await words).trim().slice(-wordsCharacters);
  const { subresource, name } = run.target;
  throw new HostError(`${subresource} of ${name} failed (exit code ${exitCode})${said === '' ? '' : `: ${said}`}`, {
    exitCode,
  });
}
