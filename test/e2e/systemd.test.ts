import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '#test/lab/run.ts';
import { machineRefused, startMachine, type Machine } from '#test/lab/machine/machine.ts';

const refusal = await machineRefused();
const setup = join(import.meta.dirname, '../../hack/lib/setup.sh');
const services = ['nginx', 'php8.2-fpm', 'etcd'];

/** Runs a file of tests on the machine; its tests count as ours. */
async function runInside(test: Test, machine: Machine, file: string): Promise<void> {
  const [program = '', ...args] = machine.inside([process.execPath, join(import.meta.dirname, 'on-systemd', file)]);
  await test.spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }, file);
}

await t.test('a host that systemd keeps', { skip: refusal }, async (test) => {
  const machine = await startMachine();
  test.teardown(() => machine.close());
  await runInside(test, machine, 'services.ts');
  await runInside(test, machine, 'host.ts');
  await runInside(test, machine, 'debian-databases.ts');
  await runInside(test, machine, 'sources.ts');
  await runInside(test, machine, 'store-lost.ts');
});

/** Downloads what apt would remove with our packages, to a place that a machine sees, too. Lists that are old, or missing, name packages that Debian has no longer. */
async function download(directory: string): Promise<boolean> {
  await run(['/bin/bash', '-c', '. "$0" && update_lists', setup]);
  const plan = await run(['/usr/bin/apt-get', '--simulate', 'purge', ...packages, ...dependents]);
  const names = [...plan.stdout.matchAll(/^Purg (\S+)/gm)].map(([, name = '']) => name);
  return (await run(['/usr/bin/apt-get', 'download', '--quiet', ...names], { cwd: directory })).exitCode === 0;
}

const packages = [
  'nginx',
  'nginx-common',
  'libnginx-mod-http-lua',
  'libnginx-mod-http-ndk',
  'php8.2-fpm',
  'etcd-server',
];
/** What needs them, in whose stead apt would bring others. */
const dependents = ['adminer', 'wordpress', 'wordpress-theme-twentytwentythree', 'php', 'php8.2'];
const archive = mkdtempSync('/var/tmp/wcp360-packages-');
t.teardown(() => rmSync(archive, { recursive: true }));
chmodSync(archive, 0o755);
const unreachable = refusal === false && !(await download(archive)) && 'the packages cannot be downloaded from Debian';

await t.test(
  'setting up installs packages whose services Debian would start, and leaves them neither started nor enabled',
  { skip: refusal || unreachable },
  async (test) => {
    const machine = await startMachine();
    test.teardown(() => machine.close());
    const bash = async (script: string, ...args: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await machine.run(['/bin/bash', '-c', script, ...args]);
      if (exitCode !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
      return stdout;
    };
    const states = async (): Promise<readonly string[]> => {
      const asked = ['is-enabled', 'is-active'].map((verb) => machine.run(['/usr/bin/systemctl', verb, ...services]));
      return (await Promise.all(asked)).flatMap(({ stdout }) => stdout.trim().split('\n'));
    };
    // As on a fresh host: nothing keeps packages from starting their services, and nothing of ours is there.
    const purge = `apt-get purge --yes ${[...packages, ...dependents].join(' ')} && cp "$0"/*.deb /var/cache/apt/archives/`;
    await bash('rm --force /usr/sbin/policy-rc.d; echo nameserver 127.0.0.1 >/etc/resolv.conf');
    await bash(purge, archive);
    await bash('. "$0" && install_packages "${runtime_packages[@]}"', setup);
    test.strictSame(await states(), [...services.map(() => 'disabled'), ...services.map(() => 'inactive')]);
    await bash(purge, archive);
    await bash(`apt-get install --yes ${packages.join(' ')}`);
    test.strictSame(
      await states(),
      [...services.map(() => 'enabled'), ...services.map(() => 'active')],
      'Debian would',
    );
  },
);
