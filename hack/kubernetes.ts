/**
 * Builds the Kubernetes API server, its controller manager and their etcd that test/e2e runs against, from the Go modules that test/cluster names, into a
 * cache outside of the checkout. Does nothing when they are there; says so and succeeds where there is no Go, since the tests that need them are skipped then.
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
  const [, version = '', major = '', minor = ''] =
    /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(readFileSync(join(kubernetesModule, 'go.mod'), 'utf8')) ?? [];
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

const hasGo = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
if (kubernetesDirectory() !== undefined) say('already there');
else if (!hasGo) say('not there, and no Go to build it with: its tests are skipped');
else {
  say('building an API server (10 minutes the first time)');
  build();
}
