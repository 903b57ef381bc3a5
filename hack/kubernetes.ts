/**
 * Builds the Kubernetes API server, its controller manager and their etcd that test/e2e runs against, from the Go modules that test/cluster names, into a
 * cache outside of the checkout. Does nothing when they are there; says so and succeeds where there is no Go, or an older one than they need, since the tests that need them are skipped then.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  kubernetesCache,
  kubernetesDirectory,
  kubernetesModule,
  kubernetesPrograms,
} from '#test/lab/kubernetes-programs.ts';

const versionPackage = 'k8s.io/component-base/version';

/** The linker's settings: no symbols, and the version that `/version` tells. */
function linkerFlags(): string {
  const [, version = '', major = '', minor = ''] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(goMod()) ?? [];
  const settings = { gitVersion: version, gitMajor: major, gitMinor: minor };
  return ['-s', '-w', ...Object.entries(settings).map(([name, value]) => `-X ${versionPackage}.${name}=${value}`)].join(
    ' ',
  );
}

function build(): void {
  const cache = kubernetesCache();
  const beside = `${cache}.${process.pid}`;
  mkdirSync(beside, { recursive: true });
  try {
    for (const [name, path] of Object.entries(kubernetesPrograms)) {
      const startedAt = performance.now();
      const ended = spawnSync('go', ['build', '-trimpath', '-ldflags', linkerFlags(), '-o', join(beside, name), path], {
        cwd: kubernetesModule,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, CGO_ENABLED: '0' },
      });
      if (ended.status !== 0) throw new Error(`${name} could not be built`);
      say(`${name} built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
    }
    rmSync(cache, { recursive: true, force: true });
    renameSync(beside, cache);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

function say(text: string): void {
  console.log(`  ${'kubernetes'.padEnd(22)} ${text}`);
}

/** Debian's own Go is older than what the module asks for. */
function isGoRecent(): boolean {
  const asked = /^go (\d+)\.(\d+)/m.exec(goMod());
  const { stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  const found = /^go(\d+)\.(\d+)/.exec(stdout ?? '');
  if (asked === null || found === null) return false;
  const [[, majorAsked, minorAsked], [, major, minor]] = [asked, found];
  return Number(major) - Number(majorAsked) > 0 || (major === majorAsked && Number(minor) >= Number(minorAsked));
}

function goMod(): string {
  return readFileSync(join(kubernetesModule, 'go.mod'), 'utf8');
}

if (kubernetesDirectory() !== undefined) say('already there');
else if (!isGoRecent()) say('not there, and no Go that builds it: its tests are skipped');
else {
  say('building an API server (10 minutes the first time)');
  build();
}
