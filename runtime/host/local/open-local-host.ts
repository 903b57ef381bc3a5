import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { BugError } from '#runtime/base/errors.ts';
import type { Host, HostCapabilities, Services } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { detectCapabilities } from './capabilities.ts';
import { asHostError } from './file-errors.ts';
import { exchangeHttp } from './http-request.ts';
import { createOwnWrites } from './own-writes.ts';
import { openFile, readDirectory, readFacts, readFactsOf, readText, readTexts } from './read-files.ts';
import { deleteForGood, removeTree } from './remove-tree.ts';
import { runProgram } from './run-program.ts';
import type { Roots } from './safe-path.ts';
import { startProgram } from './start-program.ts';
import { shakeHands } from './tls-handshake.ts';
import { accepts, connectUnix } from './connect.ts';
import { listenUnix, resolveName } from './sockets.ts';
import { openStaging } from './staging.ts';
import { openSupervisor } from './supervisor/supervisor.ts';
import { openSystemd } from './systemd/systemd.ts';
import { watchDeep, watchFlat } from './watch-files.ts';
import {
  makeDirectory,
  publishSocket,
  removeFile,
  renameEntry,
  replaceFile,
  replaceFileWith,
  syncDirectory,
} from './write-files.ts';
import type { FileScope, FileToWrite } from './write-files.ts';

/** How this machine is to be used. */
export interface LocalHostOptions {
  /** Absolute, not a link: `/srv/wcp360`. Must be there. */
  readonly root: string;
  /** `/var/lib/extrausers` on a host whose nsswitch.conf reads it; absent: tenants are bare numbers. Must be there. */
  readonly accountsDirectory?: string;
  /** `supervisor` for a private instance or a container, `systemd` for a real host. */
  readonly services: 'supervisor' | 'systemd';
  /** Account of the web front's workers. */
  readonly frontUser?: string;
  readonly log: Logger;
}

/** The real host, and how to let go of it. Closing stops no service: they outlive the agent. */
export interface LocalHost extends Host {
  close(): void;
}

/** Opens the machine as root. Takes over services that an earlier process left running, and clears what it left in staging and trash. */
export function openLocalHost(options: LocalHostOptions): LocalHost {
  if (posix.normalize(options.root) !== options.root || !options.root.startsWith('/')) {
    throw new BugError(`the root "${options.root}" is not a normalised absolute path`);
  }
  const { accountsDirectory } = options;
  const roots: Roots = accountsDirectory === undefined ? [options.root] : [options.root, accountsDirectory];
  const scope: FileScope = { roots, staging: openStaging(roots), ownWrites: createOwnWrites() };
  const lifetime = new AbortController();
  const services = openServices(options, lifetime.signal);
  sweep(scope, options.log, lifetime.signal);
  return {
    root: options.root,
    accountsDirectory,
    services,
    ...readers(roots),
    ...writers(scope),
    ...processes(roots, options.frontUser ?? 'www-data'),
    watchFiles: async (directory, onChange, signal, watchOptions) => {
      const watch = { directory, ownWrites: scope.ownWrites, onChange };
      if (watchOptions?.flat === true) watchFlat(watch, signal);
      else await watchDeep(watch, signal);
    },
    close: () => lifetime.abort(),
  };
}

function openServices(options: LocalHostOptions, lifetime: AbortSignal): Services {
  return options.services === 'systemd'
    ? openSystemd({ runtimeDirectory: '/run/systemd', log: options.log }, lifetime)
    : openSupervisor({ directory: `${options.root}/run/services`, log: options.log }, lifetime);
}

function sweep(scope: FileScope, log: Logger, signal: AbortSignal): void {
  deleteForGood(scope.staging.leftovers(), signal).catch((err: unknown) => {
    if (!signal.aborted) log.warn({ err }, 'could not clear staging');
  });
}

function readers(
  roots: Roots,
): Pick<Host, 'readText' | 'openFile' | 'readDirectory' | 'facts' | 'factsOf' | 'readTexts' | 'readProgramText'> {
  return {
    readText: async (path, signal, maxBytes) => (signal.throwIfAborted(), readText(roots, path, maxBytes)),
    openFile: async (path, signal) => (signal.throwIfAborted(), openFile(roots, path, signal)),
    readDirectory: async (path, signal) => (signal.throwIfAborted(), readDirectory(roots, path)),
    facts: async (path, signal) => (signal.throwIfAborted(), readFacts(roots, path)),
    factsOf: (paths, signal) => readFactsOf(roots, paths, signal),
    readTexts: (directory, signal) => readTexts(roots, directory, signal),
    readProgramText: async (url, signal) => {
      try {
        return await readFile(url, { encoding: 'utf8', signal });
      } catch (err) {
        throw asHostError(url.pathname, err);
      }
    },
  };
}

function writers(
  scope: FileScope,
): Pick<
  Host,
  | 'replaceFile'
  | 'replaceFiles'
  | 'replaceFileWith'
  | 'makeDirectory'
  | 'removeFile'
  | 'rename'
  | 'removeTree'
  | 'publishSocket'
> {
  return {
    replaceFile: async (path, content, ownership, signal) => {
      await replaceFiles(scope, [{ path, content, ownership }], signal);
    },
    replaceFiles: (files, signal) => replaceFiles(scope, files, signal),
    replaceFileWith: (path, content, ownership, signal) => replaceFileWith(scope, { path, content }, ownership, signal),
    makeDirectory: async (path, ownership, signal) => {
      signal.throwIfAborted();
      makeDirectory(scope, path, ownership);
      if (ownership.durable === true) await syncDirectory(posix.dirname(path));
    },
    removeFile: async (path, signal) => (signal.throwIfAborted(), removeFile(scope, path)),
    rename: async (from, to, signal) => (signal.throwIfAborted(), renameEntry(scope, from, to)),
    removeTree: (path, signal) => removeTree(scope, path, signal),
    publishSocket: async (from, to, uid, signal) => (signal.throwIfAborted(), publishSocket(scope, { from, to }, uid)),
  };
}

/** Files are written one by one, their contents synced as they go; each directory is synced once, at the end. */
async function replaceFiles(scope: FileScope, files: readonly FileToWrite[], signal: AbortSignal): Promise<void> {
  const directories = new Set<string>();
  for (const file of files) {
    signal.throwIfAborted();
    await replaceFile(scope, file);
    if (file.ownership.durable === true) directories.add(posix.dirname(file.path));
  }
  for (const directory of directories) await syncDirectory(directory);
}

function processes(
  roots: Roots,
  frontUser: string,
): Pick<
  Host,
  | 'run'
  | 'startProgram'
  | 'httpRequest'
  | 'tlsHandshake'
  | 'accepts'
  | 'resolve'
  | 'listenUnix'
  | 'connectUnix'
  | 'capabilities'
> {
  let known: Promise<HostCapabilities> | undefined;
  return {
    run: runProgram,
    startProgram,
    httpRequest: exchangeHttp,
    tlsHandshake: shakeHands,
    accepts: (path, signal) => accepts(roots, path, signal),
    resolve: resolveName,
    listenUnix: (path, ownership, onLine, signal) => listenUnix({ roots, path, ownership }, onLine, signal),
    connectUnix: (path, signal) => connectUnix(roots, path, signal),
    capabilities: async (signal) => {
      known ??= detectCapabilities({ root: roots[0], frontUser }, signal).catch((err: unknown) => {
        known = undefined;
        throw err;
      });
      return await known;
    },
  };
}
