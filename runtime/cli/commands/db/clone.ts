import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { notFound } from '#runtime/cli/commands/get.ts';
import { wait } from '#runtime/cli/commands/wait.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { databaseKind, type Database } from '#schemas/v1alpha1/database.ts';
import { databaseUserKind, type DatabaseUser } from '#schemas/v1alpha1/database-user.ts';
import { databaseTarget, runWell } from './database-run.ts';
import { progressOn } from './progress.ts';

const databaseType = resourceTypeOf(databaseKind);

export interface CloneOptions {
  readonly timeout: string;
}

/** `wcpctl db clone FROM TO`: what one Database holds, into another, which is made with a DatabaseUser of its name where there is none. */
export async function cloneDatabase(session: Session, from: string, to: string, options: CloneOptions): Promise<void> {
  const { io } = session;
  await declareLike(session, from, to, options);
  const progress = progressOn(io, `${from} → ${to}`);
  try {
    await pass(session, from, to, progress.counting);
    io.out(`${to}: holds what ${from} holds, ${progress.end()}\n`);
  } finally {
    progress.end();
  }
}

async function declareLike(session: Session, from: string, to: string, { timeout }: CloneOptions): Promise<void> {
  const client = await session.client();
  const namespace = await session.namespace();
  const { signal } = session.io;
  const source = await client.get<Database>(databaseType, { namespace, name: from }, signal);
  if (source === undefined) throw notFound(databaseType, from);
  const { engine } = source.spec;
  const there = await client.get<Database>(databaseType, { namespace, name: to }, signal);
  if (there !== undefined && there.spec.engine !== engine)
    throw new UsageError(
      `${from} is on ${engine}, and ${to} on ${there.spec.engine}: what one writes the other cannot read`,
    );
  const wanted = [
    ...(there === undefined ? [[databaseKind, likeOf(source)] as const] : []),
    ...((await hasUser(session, to))
      ? []
      : [[databaseUserKind, { databases: [{ name: to }], secretName: `${to}-db` }] as const]),
  ];
  for (const [kind, spec] of wanted) {
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { namespace, name: to }, spec };
    await client.create(resourceTypeOf(kind), object, { signal });
    session.io.out(`${kind.singular}.${kind.group}/${to} created\n`);
  }
  for (const kind of new Set([databaseKind, ...wanted.map(([made]) => made)]))
    await wait(session, [`${kind.plural}.${kind.group}/${to}`], { for: 'condition=Ready', timeout });
}

/** On the same server. */
function likeOf({ spec: { engine, collation, extensions }, status }: Database): object {
  const { server } = status ?? {};
  const place = server === undefined ? {} : { serverRef: { name: server } };
  return { engine, ...place, extensions, ...(collation === undefined ? {} : { collation }) };
}

/** Whether somebody uses a Database: a call that broke may have made it alone. */
async function hasUser(session: Session, name: string): Promise<boolean> {
  const [client, namespace] = [await session.client(), await session.namespace()];
  const options = { namespace, signal: session.io.signal };
  const { items } = await client.list<DatabaseUser>(resourceTypeOf(databaseUserKind), options);
  return items.some(({ spec }) => spec.databases.some((each) => each.name === name));
}

/** The end of a dump is passed on when its program did well: without one, nothing is restored as if it were whole. */
async function pass(
  session: Session,
  from: string,
  to: string,
  counting: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([session.io.signal, failed.signal]);
  const [stdout, stdin] = [new PassThrough(), new PassThrough()];
  const failing = (err: unknown): never => {
    failed.abort(err);
    stdout.destroy();
    throw err;
  };
  const ends = await Promise.allSettled([
    runWell(session, { ...(await databaseTarget(session, from, { subresource: 'dump' })), stdout, signal }).then(
      () => void stdout.end(),
      failing,
    ),
    runWell(session, {
      ...(await databaseTarget(session, to, { subresource: 'restore' })),
      stdin,
      stdout: session.io.stdio.stdout,
      signal,
    }).catch(failing),
    pipeline(stdout, counting, stdin).catch(() => undefined),
  ]);
  // The one that failed first is why the other did.
  if (failed.signal.aborted) throw failed.signal.reason as Error;
  session.io.signal.throwIfAborted();
  const other = ends.find((end) => end.status === 'rejected');
  if (other !== undefined) throw other.reason;
}
