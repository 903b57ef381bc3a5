import { createHash } from 'node:crypto';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { ApiError, HostError, RefusedError, required } from '#runtime/base/errors.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { readRepository } from '#runtime/git/read-repository.ts';
import type { RemotePolicy } from '#runtime/git/remote.ts';
import type { GitCredentials, GitSigners } from '#runtime/git/setting.ts';
import type { Tree, TreeLimits } from '#runtime/host/workspace.ts';
import { ManifestError } from '#runtime/manifests/manifest.ts';
import { isManifestFile, type ManifestText } from '#runtime/manifests/parse.ts';
import type { SourceOrder } from './model.ts';
import type { SourceTools } from './tools.ts';

/** What a look found. */
export interface SourceContent {
  readonly revision: string;
  readonly texts: readonly ManifestText[];
  /** The directory is not there: why, as a sentence. */
  readonly missing?: string;
  /** Of a repository. */
  readonly commit?: string;
}

export interface Reading {
  readonly namespace: string;
  /** The Source's account. */
  readonly client: Client;
  readonly tools: SourceTools;
  /** What the look before found. */
  readonly known: SourceContent | undefined;
  readonly signal: AbortSignal;
}

const limits: TreeLimits = {
  wants: isManifestFile,
  maxFiles: 5_000,
  maxFileBytes: 1024 * 1024,
  maxBytes: 16 * 1024 * 1024,
};
const maxFetchBytes = 256 * 1024 * 1024;
const secrets: ResourceType = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };

/** Reads what a Source points at. Errors: RefusedError with one of the Source's reasons; ManifestError for links, which are not followed. */
export async function readContent(order: SourceOrder, reading: Reading): Promise<SourceContent> {
  if (order.directory !== undefined) return await readDirectory(order.directory.path, reading);
  if (order.git !== undefined) return await readGit(order.git, reading);
  throw new RefusedError('ReadFailed', 'There is neither a repository nor a directory to read.');
}

async function readDirectory(path: string, { tools, signal }: Reading): Promise<SourceContent> {
  const tree = await tools.workspace.readTree(path, limits, signal).catch((err: unknown) => {
    if (!(err instanceof HostError)) throw err;
    throw new RefusedError('ReadFailed', `${path} could not be read: ${err.message}.`, { cause: err });
  });
  if (tree === undefined) return { revision: 'none', texts: [], missing: `The directory ${path} is not there.` };
  const texts = textsOf(tree);
  const hash = createHash('sha256');
  for (const { file, text } of texts) hash.update(`${file}\0${text.length}\0${text}`);
  return { revision: `sha256:${hash.digest('hex').slice(0, 16)}`, texts };
}

async function readGit(git: NonNullable<SourceOrder['git']>, reading: Reading): Promise<SourceContent> {
  const { known } = reading;
  const { branch, tag } = git.ref;
  const secret = git.secretRef === undefined ? {} : await secretOf(git.secretRef.name, reading);
  const signers = git.verify === undefined ? undefined : signersOf(await secretOf(git.verify.secretRef.name, reading));
  try {
    const { commit, tree } = await readRepository(
      { url: git.url, branch, tag, path: git.path },
      {
        ...{
          workspace: reading.tools.workspace,
          policy: policyOf(reading),
          limits,
          maxFetchBytes,
          signal: reading.signal,
        },
        ...{ credentials: credentialsOf(secret), signers },
        // Whose signatures count may have changed since.
        known: signers === undefined ? known?.commit : undefined,
      },
    );
    if (tree === undefined) return required(known, 'what was read of a known commit');
    return { revision: `${wordFor(git.ref)}@sha1:${commit}`, commit, texts: textsOf(tree) };
  } catch (err) {
    if (!(err instanceof RefusedError) || err.reason !== 'PathNotFound') throw err;
    return { revision: 'none', texts: [], missing: err.message };
  }
}

function wordFor({ branch, tag }: NonNullable<SourceOrder['git']>['ref']): string {
  return branch ?? tag ?? 'HEAD';
}

/** What a tenant names is asked for by us: it must not reach what only we can. */
function policyOf({ namespace, tools }: Reading): RemotePolicy {
  return namespace === SYSTEM_NAMESPACE ? { allowsFiles: true } : { allowsFiles: false, networks: tools.networks };
}

function textsOf({ texts, links }: Tree): readonly ManifestText[] {
  const message = 'is a link or a submodule, which is not followed; put what it leads to in its place';
  if (links.length > 0) throw new ManifestError(links.map((file) => ({ source: { file, line: 1 }, message })));
  return [...texts].map(([file, text]) => ({ file, text }));
}

type SecretData = Readonly<Record<string, string>>;

/** Read as the Source's account: what that may not read cannot be shown to a server by it either. */
async function secretOf(name: string, { client, namespace, signal }: Reading): Promise<SecretData> {
  const secret = await client.get(secrets, { namespace, name }, signal).catch((err: unknown) => {
    if (err instanceof ApiError && err.status === 403) return undefined;
    throw err;
  });
  if (secret !== undefined) return decoded(secret);
  throw new RefusedError('SecretNotFound', `The Secret ${name} is not there, or the Source’s account may not read it.`);
}

function decoded(secret: KubeObject): SecretData {
  const data = (secret['data'] ?? {}) as SecretData;
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

function credentialsOf(data: SecretData): GitCredentials {
  return {
    privateKey: data['ssh-privatekey'] ?? data['identity'],
    knownHosts: data['known_hosts'],
    username: data['username'],
    password: data['password'],
    authority: data['ca.crt'],
  };
}

function signersOf(data: SecretData): GitSigners {
  const openPgpKeys = Object.entries(data).flatMap(([key, text]) => (key.endsWith('.asc') ? [text] : []));
  return { allowedSigners: data['allowed_signers'], openPgpKeys };
}
