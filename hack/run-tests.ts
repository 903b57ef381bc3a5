/**
 * Runs the test files, each in a process of its own, shows what failed, and closes with `N passed, N failed`.
 * Arguments: test files; all when none. `WCP360_TEST_SERVER` (wcp360 or kubernetes) restricts end-to-end tests to one server.
 *
 * The files are run by Node itself rather than by tap's runner, which puts a preload into every process that a test starts, however deep: programs of an
 * instance run as other users, who cannot read it, and with an environment that is theirs alone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import { testServers, testServerVariable, type TestServer } from '#test/lab/test-servers.ts';

const root = join(import.meta.dirname, '..');
const fileTimeoutMs = 1_500_000;
/** tap's own limit, for a file as for one test in it: so long that only what hangs meets it, on a busy machine, too. */
const testTimeoutSeconds = 1_470;
/** What takes longest begins first, so that nothing long is left over when all else has ended. */
const longest = [/crash/, /faults|gitops|isolation/, /e2e|image|postgresql|mariadb/, /cluster|attacks|drivers/, /./];
/** Most files wait for programs most of their time. */
const filesAtOnce = Math.ceil(1.5 * availableParallelism());
/** What talks to an API server from outside is run on ours and on a real Kubernetes; a machine with systemd brings its own. */
const perServer = /test\/e2e\/(?!systemd)/;
/** Of each file's own process: room for what lives shortly, since most of a test's garbage is young and memory is cheaper than time. */
const nodeFlags = ['--enable-source-maps', '--min-semi-space-size=64', '--max-semi-space-size=64'];
/** For the same reason, of all programs in Go (etcd, Kubernetes, the bundler): percent that memory grows before it is cleaned. */
const goEnvironment = { GOGC: '400' };

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };

/** Points at any depth; a failed subtest is told by its own point and by those of the tests around it. */
function count(output: string): Totals {
  const found: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const [, not, text = ''] of output.matchAll(/^\s*(not )?ok \d+(.*)$/gm)) {
    if (/# SKIP/i.test(text)) found.skipped += 1;
    else if (not === undefined) found.passed += 1;
    else found.failed += 1;
  }
  return found;
}

/** A test file, and the server that it runs on where it runs on any. */
interface Run {
  readonly file: string;
  readonly server?: TestServer;
}

async function runFile(run: Run): Promise<void> {
  const { file, server } = run;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'),
      TAP_TIMEOUT: String(testTimeoutSeconds),
      ...goEnvironment,
      ...(server !== undefined && { [testServerVariable]: server }),
    },
    // A group of its own: what goes astray in one file ends no other.
    detached: true,
  });
  running.add(child);
  const timer = setTimeout(() => endGroup(child), fileTimeoutMs);
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part));
  const exitCode = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  clearTimeout(timer);
  running.delete(child);
  const output = Buffer.concat(parts).toString('utf8');
  const found = count(output);
  if (exitCode !== 0 && found.failed === 0) found.failed = 1;
  for (const key of ['passed', 'failed', 'skipped'] as const) totals[key] += found[key];
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  if (found.failed > 0) process.stdout.write(output);
  for (const [line] of output.matchAll(/^.*# SKIP.*$/gim)) console.log(line);
  const outcome = `${found.passed} passed, ${found.failed} failed`;
  console.log(`  ${found.failed > 0 ? 'red  ' : 'ok   '} ${seconds} s  ${nameOf(run)} (${outcome})`);
}

const running = new Set<ChildProcess>();

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}

function nameOf({ file, server }: Run): string {
  return server === undefined ? file : `${file} on ${server}`;
}

/** End-to-end tests run once on each server; where there is no Kubernetes that is said, test by test. */
function runsOf(file: string): readonly Run[] {
  if (!perServer.test(file)) return [{ file }];
  const chosen = process.env[testServerVariable];
  return testServers
    .filter((server) => chosen === undefined || server === chosen)
    .flatMap((server): readonly Run[] => {
      if (server !== 'kubernetes' || kubernetesDirectory() !== undefined) return [{ file, server }];
      console.log(`  skip            ${nameOf({ file, server })}: ${noKubernetes}`);
      totals.skipped += 1;
      return [];
    });
}

const [, , ...named] = process.argv;
const all = named.length > 0 ? named : globSync('test/**/*.test.ts', { cwd: root });
const place = (file: string): number => longest.findIndex((pattern) => pattern.test(file));
const runs = all.toSorted((a, b) => place(a) - place(b) || a.localeCompare(b)).flatMap(runsOf);
const worker = async (): Promise<void> => {
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) await runFile(run);
};
await Promise.all(Array.from({ length: filesAtOnce }, worker));
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exitCode = totals.failed === 0 ? 0 : 1;
