import { execFileSync, spawn } from 'node:child_process';
import { stat, writeFile, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { openInstance } from './instance.ts';
import { applyAll, domainOf, objectOf, tenant } from './domains.ts';
const inst = await openInstance();
try {
  await applyAll(inst, [
    objectOf('Package', 'packages', tenant, { limits: { domains: 100 } }),
    objectOf('Tenant', 'tenants', tenant, { packageRef: { name: tenant } }),
  ]);
  for (let i = 0; i < 50; i++) {
    try {
      await applyAll(inst, [domainOf('wrk-php', { php: {} })]);
      break;
    } catch {
      await new Promise((r) => setTimeout(r, 100));
    }
  }
  const root = join(inst.directory, 'tenants', tenant, 'domains/wrk-php/public');
  for (let i = 0; i < 100; i++) {
    const ok = await stat(root).then(
      () => true,
      () => false,
    );
    if (ok) break;
    await new Promise((r) => setTimeout(r, 100));
  }
  const { uid, gid } = await stat(root);
  await writeFile(join(root, 'page.php'), `<?php echo str_repeat('x', 1024);`, { mode: 0o640 });
  await chown(join(root, 'page.php'), uid, gid);
  await new Promise((r) => setTimeout(r, 2000));
  const url = `http://127.0.0.1:${inst.httpPort}/page.php`;
  const wrk = (s: number) =>
    execFileSync('/usr/bin/wrk', ['-t1', '-c32', `-d${s}s`, '-H', 'Host: wrk-php.bench.example', url], {
      encoding: 'utf8',
    });
  console.log(wrk(2));
  const workers = inst
    .processes()
    .filter(({ name }) => name.startsWith('nginx: worker'))
    .map(({ pid }) => pid);
  const p = spawn(
    '/usr/bin/perf',
    ['record', '-e', 'cpu-clock', '-F', '2000', '-o', '/tmp/perf.data', '-p', workers.join(','), '--', 'sleep', '6'],
    { stdio: 'inherit' },
  );
  const st = spawn('/usr/bin/strace', ['-c', '-f', '-o', '/tmp/st.txt', '-p', String(workers[0])]);
  st.kill();
  console.log(wrk(6));
  await new Promise((r) => p.once('exit', r));
  const st2 = spawn('/usr/bin/strace', ['-o', '/tmp/st2.txt', '-p', String(workers[0])]);
  await new Promise((r) => setTimeout(r, 500));
  execFileSync('/usr/bin/curl', ['-s', '-o', '/dev/null', '-H', 'Host: wrk-php.bench.example', url]);
  for (let i = 0; i < 6; i++)
    execFileSync('/usr/bin/curl', ['-s', '-o', '/dev/null', '-H', 'Host: wrk-php.bench.example', url]);
  st2.kill('SIGINT');
  await new Promise((r) => setTimeout(r, 300));
} finally {
  await inst.close();
}
