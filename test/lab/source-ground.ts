import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import { readRepository, type RepositoryOptions } from '#runtime/git/read-repository.ts';
import { openWorkspace } from '#runtime/host/local/open-workspace.ts';
import type { TreeLimits } from '#runtime/host/workspace.ts';
import type { ApiGround } from '#test/attacks/ground.ts';
import { createOpenPgpKey, createRepository, openDirectory, startSshServer } from './git.ts';
import type { LabRepository, LabSshServer } from './git.ts';
import { openTenantApi } from './tenant-api.ts';

/** Where Sources are attacked: repositories of attackers, and what they could reach from where those are read. */
export interface SourceGround extends ApiGround {
  /** Of the attacker. */
  readonly directory: string;
  readonly ssh: LabSshServer;
  /** A port of the machine's own network. */
  readonly inside: { readonly port: number; wasReached(): boolean };
  /** The OpenPGP key that counts. */
  readonly signer: string;
  repository(name: string): Promise<LabRepository>;
  /** All that is read of a repository; `undefined` when it is refused. */
  readRepository(url: string, options?: Partial<RepositoryOptions> & Resolving): Promise<string | undefined>;
  /** All that is read of a directory. */
  readDirectory(directory: string): Promise<string | undefined>;
}

interface Resolving {
  /** What a name server answers when it is asked for an address to check. */
  readonly resolved?: readonly string[];
}

const limits: TreeLimits = { wants: () => true, maxFiles: 100, maxFileBytes: 100_000, maxBytes: 1_000_000 };
const maxFetchBytes = 1_000_000;
const never = new AbortController().signal;

export async function openSourceGround(t: Test): Promise<SourceGround> {
  const directory = await openDirectory(t);
  const workspace = await openWorkspace(await openDirectory(t));
  const signer = await createOpenPgpKey(join(directory, 'signer'));
  const defaults = { policy: { allowsFiles: true }, credentials: {}, limits, maxFetchBytes, signal: never };
  return {
    ...(await openTenantApi(t)),
    directory,
    ssh: await startSshServer(t),
    inside: await listenInside(t),
    signer: signer.publicKey,
    repository: async (name) => await createRepository(directory, name),
    readRepository: async (url, { resolved, ...options } = {}) => {
      const resolve = resolved === undefined ? workspace.resolve : () => Promise.resolve(resolved);
      try {
        const asked = { ...defaults, ...options, workspace: { ...workspace, resolve } };
        const { tree } = await readRepository({ url }, asked);
        return JSON.stringify([...(tree?.texts ?? [])]);
      } catch (err) {
        if (err instanceof RefusedError) return undefined;
        throw err;
      }
    },
    readDirectory: async (path) => {
      const tree = await workspace.readTree(path, limits, never).catch(() => undefined);
      return tree === undefined ? undefined : JSON.stringify([...tree.texts]);
    },
  };
}

/** Listens on 127.0.0.1 and on no other address of loopback. */
async function listenInside(t: Test): Promise<SourceGround['inside']> {
  let reached = false;
  const server = createServer((socket) => {
    reached = true;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, wasReached: () => reached };
}
