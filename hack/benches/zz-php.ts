import { execFileSync, spawn } from 'node:child_process';
import { cpuSecondsOf } from './measurement.ts';
import { readFileSync } from 'node:fs';
import { stat, writeFile, chown, mkdir } from 'node:fs/promises';
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
  const port = 18999;
  const dir = join(inst.directory, 'plain-nginx'); await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'nginx.conf'), `user www-data; worker_processes 2; pid /srv/wcp360/plain-nginx/nginx.pid; error_log /srv/wcp360/plain-nginx/error.log; pcre_jit on; events { worker_connections 8000; multi_accept on; } http { keepalive_requests 10000; server { listen 127.0.0.1:${port}; access_log /srv/wcp360/plain-nginx/access.log; location ~ \\.php$ { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME /srv/wcp360/tenants/bench/domains/wrk-php/public$fastcgi_script_name; fastcgi_pass unix:/srv/wcp360/run/php/bench.wrk-php/php.sock; } } }`);
  execFileSync('/usr/bin/nsenter', ['--target', String(inst.supervisorPid), '--mount', '--', '/usr/sbin/nginx', '-c', '/srv/wcp360/plain-nginx/nginx.conf']);
  const groups = () => { const m = new Map<string, number>(); for (const { pid } of inst.processes()) { const cmd = readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(0, 40); const cg = cmd.startsWith('nginx: worker') ? 'nginxw-' + readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[3] : cmd.split('\0')[0]!; m.set(cg, (m.get(cg) ?? 0) + cpuSecondsOf(pid)); } for (const pid of execFileSync('pgrep', ['php-fpm'], { encoding: 'utf8' }).trim().split('\n')) { try { m.set('php', (m.get('php') ?? 0) + cpuSecondsOf(Number(pid))); } catch {} } return m; };
  for (let k = 0; k < 2; k++) for (const u of [url, `http://127.0.0.1:${port}/page.php`]) {
    const b = groups();
    const out = execFileSync('/usr/bin/wrk', ['-t1', '-c32', '-d4s', '-H', 'Host: wrk-php.bench.example', u], { encoding: 'utf8' });
    const n = Number(/(\d+) requests in/.exec(out)![1]);
    const a2 = groups();
    console.log('RESULT', u, n / 4, [...a2].map(([g, c]) => [g, (((c - (b.get(g) ?? 0)) * 1e6) / n).toFixed(1)]).filter(([, c]) => Number(c) > 1).join(' '));
  }
  execFileSync('/usr/bin/nsenter', ['--target', String(inst.supervisorPid), '--mount', '--', '/usr/sbin/nginx', '-c', '/srv/wcp360/plain-nginx/nginx.conf', '-s', 'stop']);
} finally {
  await inst.close();
}
