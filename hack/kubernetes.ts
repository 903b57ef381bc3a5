/**
 * Builds what the tests of manifests and of life on a Kubernetes need from the Go modules that test/cluster names, into caches outside of the checkout: an API
 * server with its controller manager and etcd; kustomize and helm. Does nothing when they are there; says so and succeeds where there is no Go, or an older one
 * than they need, since the tests that need them are skipped then.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheOf, hasAll, type GoModule } from '#test/lab/go-module.ts';
import { kubernetesDirectory, kubernetesModule } from '#test/lab/kubernetes-programs.ts';
import { packagingModule } from '#test/lab/packaging-programs.ts';

/** The linker's settings: no symbols, and the version that the programs tell. */
function linkerFlags(module: GoModule): string {
  const stripped = ['-s', '-w'];
  if (module.version === undefined) return stripped.join(' ');
  const [, version = '', major = '', minor = ''] =
    new RegExp(`${module.version.of} (v(\\d+)\\.(\\d+)\\.\\d+)`).exec(goMod(module)) ?? [];
  const settings = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const variables = Object.entries(settings).map(([name, value]) => `-X ${module.version?.package}.${name}=${value}`);
  return [...stripped, ...variables].join(' ');
}

/** Finished beside its place and renamed, so that nobody finds half of it. */
function build(module: GoModule): void {
  const cache = cacheOf(module);
  const beside = `${cache}.${process.pid}`;
  mkdirSync(beside, { recursive: true });
  try {
    for (const [name, path] of Object.entries(module.programs)) buildProgram(module, { name, path, beside });
    for (const [name, { module: owner, path }] of Object.entries(module.files)) {
      const options = { cwd: module.directory, encoding: 'utf8' } as const;
      execFileSync('go', ['mod', 'download', owner], options);
      const source = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', owner], options).trim();
      copyFileSync(join(source, path), join(beside, name));
    }
    rmSync(cache, { recursive: true, force: true });
    renameSync(beside, cache);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

function buildProgram(
  module: GoModule,
  { name, path, beside }: { readonly name: string; readonly path: string; readonly beside: string },
): void {
  const startedAt = performance.now();
  const ended = spawnSync(
    'go',
    ['build', '-trimpath', '-ldflags', linkerFlags(module), '-o', join(beside, name), path],
    {
      cwd: module.directory,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0' },
    },
  );
  if (ended.status !== 0) throw new Error(`${name} could not be built`);
  say(module, `${name} built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

function say({ name }: GoModule, text: string): void {
  console.log(`  ${name.padEnd(22)} ${text}`);
}

/** Debian's own Go is older than what the modules ask for. */
function isGoRecent(module: GoModule): boolean {
  const asked = /^go (\d+)\.(\d+)/m.exec(goMod(module));
  const { stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  const found = /^go(\d+)\.(\d+)/.exec(stdout ?? '');
  if (asked === null || found === null) return false;
  const [[, majorAsked, minorAsked], [, major, minor]] = [asked, found];
  return Number(major) - Number(majorAsked) > 0 || (major === majorAsked && Number(minor) >= Number(minorAsked));
}

function goMod({ directory }: GoModule): string {
  return readFileSync(join(directory, 'go.mod'), 'utf8');
}

function provide(module: GoModule, isThere: boolean): void {
  if (isThere) say(module, 'already there');
  else if (!isGoRecent(module)) say(module, 'not there, and no Go that builds it: its tests are skipped');
  else {
    say(module, 'building (minutes, the first time)');
    build(module);
  }
}

provide(kubernetesModule, kubernetesDirectory() !== undefined);
provide(packagingModule, hasAll(cacheOf(packagingModule), packagingModule));
