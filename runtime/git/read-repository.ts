import { HostError, RefusedError } from '#runtime/base/errors.ts';
import type { Tree, TreeLimits, Workspace } from '#runtime/host/workspace.ts';
import { parseRemote, permittedAddress, type RemotePolicy } from './remote.ts';
import { environmentOf, placeSetting, type GitCredentials, type GitSetting, type GitSigners } from './setting.ts';
import { readCommit } from './read-commit.ts';
import { askTimeoutMs, gitOf, type Git } from './run-git.ts';

/** Which commit of which repository, and which part of it. */
export interface RepositoryOrder {
  readonly url: string;
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  /** Directory; the whole repository when absent. */
  readonly path?: string | undefined;
}

export interface RepositoryOptions {
  readonly workspace: Workspace;
  readonly policy: RemotePolicy;
  readonly credentials: GitCredentials;
  readonly signers?: GitSigners | undefined;
  readonly limits: TreeLimits;
  /** The most that a repository may make us fetch. */
  readonly maxFetchBytes: number;
  /** The commit that was read last: when it is still the newest, nothing is fetched. */
  readonly known?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RepositoryContent {
  readonly commit: string;
  /** `undefined`: as it was. */
  readonly tree: Tree | undefined;
}

const fetchTimeoutMs = 90_000;
const ownRef = 'refs/wcp360/look';

/**
 * Reads files of a commit straight from its objects. There is no work tree: no link is followed, no filter, hook or submodule runs or is fetched.
 *
 * Flow: address permitted → which commit is it → fetch that one alone → its signature → its tree. What was fetched is removed again.
 * Errors: RefusedError with the reason `FetchFailed`, `UrlNotAllowed`, `AddressNotAllowed`, `SignatureInvalid`, `PathNotFound` or `ReadFailed`.
 */
export async function readRepository(order: RepositoryOrder, options: RepositoryOptions): Promise<RepositoryContent> {
  const { workspace, policy, credentials, signers, maxFetchBytes, signal } = options;
  const remote = parseRemote(order.url);
  const address = await permittedAddress(remote, policy, async (name) => await workspace.resolve(name, signal));
  return await workspace.withDirectory(async (directory) => {
    const setting: GitSetting = { directory, remote, address, credentials, signers };
    await placeSetting(workspace, setting);
    const run = gitOf(workspace, setting, { maxFetchBytes, signal });
    const newest = await newestCommit(run, order);
    if (newest === options.known) return { commit: newest, tree: undefined };
    const commit = await fetchCommit(run, order);
    if (signers !== undefined) await verifyCommit(run, { workspace, setting, commit, signal });
    return { commit, tree: await readCommit(run, { commit, path: order.path, limits: options.limits }) };
  });
}

function refOf({ branch, tag }: RepositoryOrder): string {
  if (branch !== undefined) return `refs/heads/${branch}`;
  return tag === undefined ? 'HEAD' : `refs/tags/${tag}`;
}

/** An annotated tag shows the commit that it points at on a line of its own. */
async function newestCommit(run: Git, order: RepositoryOrder): Promise<string> {
  const ref = refOf(order);
  const answer = await ask(run, ['ls-remote', '--quiet', '--', order.url, ref, `${ref}^{}`], askTimeoutMs);
  const found = new Map(answer.split('\n').map((line) => line.split('\t').toReversed() as [string, string]));
  const commit = found.get(`${ref}^{}`) ?? found.get(ref);
  if (commit === undefined) throw new RefusedError('FetchFailed', `The repository has no ${ref}.`);
  return commit;
}

async function fetchCommit(run: Git, order: RepositoryOrder): Promise<string> {
  await run(['init', '--bare', '--quiet', '--template=']);
  const quietly = ['--quiet', '--depth=1', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--force'];
  await ask(run, ['fetch', ...quietly, '--', order.url, `+${refOf(order)}:${ownRef}`], fetchTimeoutMs);
  const { stdout } = await run(['rev-parse', '--verify', '--end-of-options', `${ownRef}^{commit}`]);
  return stdout.trim();
}

/** Asks the other side. What it or Git says of a failure is told; nothing of it is a secret of ours. */
async function ask(run: Git, args: readonly string[], timeoutMs: number): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, { timeoutMs, allowFailure: true }).catch((err: unknown) => {
    if (!(err instanceof HostError)) throw err;
    throw new RefusedError('FetchFailed', `The repository could not be fetched: ${err.message}`, { cause: err });
  });
  if (exitCode === 0) return stdout;
  throw new RefusedError('FetchFailed', `The repository could not be fetched: ${wordsOf(stderr)}.`);
}

/** Git's closing advice, which says less than what comes before. */
const advice = /^(Please make sure you have the correct|and the repository exists|fatal: Could not read from remote)/;

function wordsOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replaceAll(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').trim());
  const telling = lines.filter((line) => line !== '' && !advice.test(line));
  return telling.slice(-3).join(' · ').replace(/\.$/, '').slice(0, 400);
}

async function verifyCommit(
  run: Git,
  look: {
    readonly workspace: Workspace;
    readonly setting: GitSetting;
    readonly commit: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { workspace, setting, commit, signal } = look;
  const { directory, signers } = setting;
  if ((signers?.openPgpKeys.length ?? 0) > 0) {
    const argv = ['/usr/bin/gpg', '--batch', '--quiet', '--no-tty', '--import', '--', `${directory}/keys.asc`];
    await workspace
      .run(argv, { timeoutMs: askTimeoutMs, environment: environmentOf(setting) }, signal)
      .catch((err: unknown) => {
        throw new RefusedError('SignatureInvalid', 'The OpenPGP keys that count cannot be read.', { cause: err });
      });
  }
  const { exitCode } = await run(['verify-commit', '--', commit], { allowFailure: true });
  if (exitCode === 0) return;
  throw new RefusedError(
    'SignatureInvalid',
    `Commit ${commit.slice(0, 12)} is not signed with one of the keys that count.`,
  );
}
