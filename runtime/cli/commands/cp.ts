import { spawn } from 'node:child_process';
import { lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HostError } from '#runtime/base/errors.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { commandIn, runRemote } from '#runtime/streams/run-remote.ts';

/** A place in a Domain's directory: `shop:public/index.html`. */
interface RemotePlace {
  readonly domain: string;
  readonly path: string;
}

const remotePattern = /^(?<domain>[a-z0-9]([-a-z0-9]*[a-z0-9])?):(?<path>.*)$/u;

/**
 * `wcpctl cp`: copies a file or a directory into a Domain's directory, or out of it, by `tar` on either side; there it runs as the tenant in its sandbox.
 * What arrives is put in place by a rename once it is complete.
 */
export async function copyFiles(session: Session, from: string, to: string): Promise<void> {
  const [source, target] = [remotePlace(from), remotePlace(to)];
  if (source !== undefined && target === undefined) await copyOut(session, source, to);
  else if (source === undefined && target !== undefined) await copyIn(session, from, target);
  else throw new UsageError('one side is a place in a Domain, DOMAIN:PATH, and the other one a file or directory here');
}

function remotePlace(word: string): RemotePlace | undefined {
  const found = remotePattern.exec(word)?.groups;
  return found === undefined ? undefined : { domain: found['domain'] ?? '', path: found['path'] || '.' };
}

async function copyOut(session: Session, { domain, path }: RemotePlace, to: string): Promise<void> {
  const place = resolve(session.io.workingDirectory, to);
  const name = posix.basename(posix.normalize(path));
  const target = (await isDirectory(place)) && name !== '.' ? join(place, name) : place;
  // A directory of ours, so that nothing that is named in the archive is here already.
  const beside = await mkdtemp(join(dirname(target), '.wcpctl-'));
  try {
    const command = ['tar', '-cf', '-', '-C', posix.dirname(path), '--', name];
    await joined(localTar(['-xf', '-', '--no-same-owner', '--no-same-permissions', '-C', beside]), (tar) =>
      remote(session, domain, { command, stdout: tar.stdin }),
    );
    await refuseStrange(beside);
    await rename(join(beside, name), target).catch((err: unknown) => {
      throw new HostError(`${target} could not be replaced; remove it, or name another place`, {}, { cause: err });
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** The other side says what is in an archive, and tar makes devices for root. */
async function refuseStrange(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const strange = entries.find((entry) => !(entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()));
  if (strange !== undefined) throw new HostError(`${strange.name} is no file, directory or link: nothing was copied`);
}

async function copyIn(session: Session, from: string, { domain, path }: RemotePlace): Promise<void> {
  const source = resolve(session.io.workingDirectory, from);
  await lstat(source).catch((err: unknown) => {
    throw new HostError(`${from} cannot be read`, { path: source }, { cause: err });
  });
  const name = basename(source);
  const beside = (await remoteText(session, domain, ['mktemp', '-d', '.wcpctl-XXXXXXXX'])).trim();
  try {
    const command = ['tar', '-xf', '-', '--no-same-owner', '-C', beside];
    await joined(localTar(['-cf', '-', '-C', dirname(source), '--', name]), (tar) =>
      remote(session, domain, { command, stdin: tar.stdout }),
    );
    await remoteText(session, domain, ['mv', '--', `${beside}/${name}`, path]);
  } finally {
    await remoteText(session, domain, ['rm', '-rf', '--', beside]);
  }
}

/** `tar` of this machine, as whoever calls. */
interface LocalTar {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Rejects with its own words when it fails. */
  readonly ended: Promise<void>;
  stop(): void;
}

function localTar(args: readonly string[]): LocalTar {
  const child = spawn('tar', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const words = text(child.stderr);
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  child.on('error', (err) => reject(new HostError('tar could not be started', { program: 'tar' }, { cause: err })));
  child.on('close', (code) => {
    if (code === 0) done();
    else
      void words.then((said) => reject(new HostError(`tar: ${said.trim()}`, { program: 'tar', exitCode: code ?? -1 })));
  });
  child.stdin.on('error', () => undefined);
  promise.catch(() => undefined);
  // What nobody reads yet when a program ends, Node throws away.
  const stdout = child.stdout.pipe(new PassThrough());
  return { stdin: child.stdin, stdout, ended: promise, stop: () => void child.kill() };
}

/** Runs the other side; both have to do well. */
async function joined(tar: LocalTar, other: (tar: LocalTar) => Promise<void>): Promise<void> {
  try {
    await other(tar);
    tar.stdin.end();
    await tar.ended;
  } finally {
    tar.stop();
  }
}

/** HostError with its own words when the program does not end well. */
async function remote(
  session: Session,
  domain: string,
  run: { readonly command: readonly string[]; readonly stdin?: Readable; readonly stdout?: Writable },
): Promise<void> {
  const stderr = new PassThrough();
  const words = text(stderr);
  const { command, ...ends } = run;
  const exitCode = await runRemote(await session.client(), {
    ...commandIn({ namespace: await session.namespace(), name: domain }, command),
    stdout: session.io.stdio.stdout,
    ...ends,
    stderr,
    signal: session.io.signal,
  }).finally(() => stderr.end());
  if (exitCode !== 0) throw new HostError((await words).trim() || `${command[0] ?? ''} ended with ${exitCode}`);
}

async function remoteText(session: Session, domain: string, command: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  const answer = text(stdout);
  await remote(session, domain, { command, stdout }).finally(() => stdout.end());
  return await answer;
}

async function isDirectory(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}
