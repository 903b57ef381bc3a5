import { BugError, HostError, RefusedError } from '#runtime/base/errors.ts';
import type { Tree, TreeLimits } from '#runtime/host/workspace.ts';
import type { Git } from './run-git.ts';

/** A line of `ls-tree`. */
interface Entry {
  readonly mode: string;
  readonly object: string;
  readonly sizeBytes: number;
  readonly path: string;
}

const link = '120000';
const submodule = '160000';
/** A tree may name itself over and over: what it unfolds to is not read to its end. */
const maxListBytes = 16 * 1024 * 1024;
const maxHeaderBytes = 128;

/** The files of a commit below a path. Submodules count as links: they lead out of the repository. */
export async function readCommit(
  run: Git,
  wanted: { readonly commit: string; readonly path?: string | undefined; readonly limits: TreeLimits },
): Promise<Tree> {
  try {
    const entries = await listEntries(run, wanted);
    const files = entries.filter(({ mode, path }) => mode.startsWith('100') && wanted.limits.wants(nameOf(path)));
    checkLimits(files, wanted.limits);
    const links = entries.filter(({ mode }) => mode === link || mode === submodule).map(({ path }) => path);
    return { texts: await readBlobs(run, files), links };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    throw new RefusedError('ReadFailed', `Commit ${wanted.commit.slice(0, 12)} could not be read: ${err.message}`, {
      cause: err,
    });
  }
}

async function listEntries(
  run: Git,
  { commit, path }: { readonly commit: string; readonly path?: string | undefined },
): Promise<readonly Entry[]> {
  if (path !== undefined) await requireDirectory(run, commit, path);
  const where = path === undefined ? [] : ['--', path];
  const { stdout } = await run(['ls-tree', '-r', '-z', '--long', '--full-tree', commit, ...where], {
    maxBytes: maxListBytes,
  });
  return stdout
    .split('\0')
    .flatMap((line): readonly Entry[] => {
      const [facts = '', entryPath = ''] = line.split('\t', 2);
      const [mode = '', , object = '', size = ''] = facts.split(/ +/);
      return entryPath === '' ? [] : [{ mode, object, sizeBytes: Number(size) || 0, path: entryPath }];
    })
    .filter((entry) => !isHidden(entry.path));
}

async function requireDirectory(run: Git, commit: string, path: string): Promise<void> {
  const { exitCode, stdout } = await run(['cat-file', '-t', `${commit}:${path}`], { allowFailure: true });
  if (exitCode === 0 && stdout.trim() === 'tree') return;
  throw new RefusedError('PathNotFound', `Commit ${commit.slice(0, 12)} has no directory "${path}".`);
}

function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.'));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function checkLimits(files: readonly Entry[], { maxFiles, maxFileBytes, maxBytes }: TreeLimits): void {
  const large = files.find(({ sizeBytes }) => sizeBytes > maxFileBytes);
  if (large !== undefined) throw new HostError(`"${large.path}" is larger than ${maxFileBytes} bytes`);
  if (files.length > maxFiles) throw new HostError(`there are more than ${maxFiles} files`);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (sizeBytes > maxBytes) throw new HostError(`the files are larger than ${maxBytes} bytes together`);
}

/** All contents by one process. git-cat-file(1), BATCH OUTPUT: a line with the size, the contents, a line end. */
async function readBlobs(run: Git, files: readonly Entry[]): Promise<ReadonlyMap<string, string>> {
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes + maxHeaderBytes, maxHeaderBytes);
  const { stdout } = await run(['cat-file', '--batch'], {
    input: files.map(({ object }) => `${object}\n`).join(''),
    maxBytes: sizeBytes,
    encoding: 'latin1',
  });
  const output = Buffer.from(stdout, 'latin1');
  const texts = new Map<string, string>();
  let at = 0;
  for (const { path } of files) {
    const start = output.indexOf('\n', at) + 1;
    const [, type, size] = output.toString('latin1', at, start).trim().split(' ');
    if (type !== 'blob') throw new BugError(`git answered with ${type ?? 'nothing'} for a file`);
    const end = start + Number(size);
    texts.set(path, output.toString('utf8', start, end));
    at = end + 1;
  }
  return texts;
}
