import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { freePort, openFrontLab } from '#test/runtime/drivers/front-lab.ts';
import { aPool } from '#test/builders/sites.ts';
import { phpFpmDriver, startWaker } from '#runtime/drivers/php-fpm/index.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { reach } from '#test/contracts/driver.ts';
const lab = await openFrontLab(t); const { root, host, signal, put, file } = lab;
file('public/index.html', '<p>' + 'hello '.repeat(300)); file('public/index.php', '<?php echo "hello ", strlen(json_encode($_SERVER));');
const port = lab.settings.listen[0]!.port; const plain = await freePort();
await put('s.example', { headers: { 'X-Frame-Options': 'DENY' } });
await startWaker({ host, log: silentLogger, idleMs: 60000 }, signal);
const pool = aPool(root, { children: 2 });
await reach(phpFpmDriver, { host }, { kind: 'Domain', namespace: 'acme', name: 'shop', uid: '' }, new Map([['acme.shop', pool]]));
await put('p.example', { serve: { type: 'php', base: `${root}/tenants/acme/domains/shop`, root: 'public', frontController: 'index.php', denySuffixes: ['/wp-config.php', '/uploads/*.php'], socket: pool.socket, pool: 'acme.shop', phpValues: {} } });
console.log((await lab.ask('p.example', '/index.php')).body);
writeFileSync(`${root}/plain.conf`, `user www-data; worker_processes 2; pid ${root}/plain.pid; error_log ${root}/plain.err; daemon off;
events { worker_connections 8000; multi_accept on; }
http { include /etc/nginx/mime.types; sendfile on; tcp_nopush on; keepalive_requests 10000; server_tokens off; gzip on;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${root}/front/temp/p${n};`).join('')}
server { listen 127.0.0.1:${plain}; server_name s.example p.example; root ${root}/tenants/acme/domains/shop/public; access_log ${root}/front/logs/plain.log; add_header X-Frame-Options DENY; add_header Cache-Control no-cache; index index.html;
 location ~ \\.php$ { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:${pool.socket}; } } }`);
const p = spawn('/usr/sbin/nginx', ['-c', `${root}/plain.conf`], { stdio: 'inherit' });
await new Promise((r) => setTimeout(r, 500));
const cpu = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').reduce((s, w) => { const f = readFileSync(`/proc/${w}/stat`, 'utf8').split(' '); return s + Number(f[13]) + Number(f[14]); }, 0);
const pid = (await host.services.get('nginx', signal))!.pid!;
const med = (l: number[]) => l.toSorted((a, b) => a - b)[l.length >> 1]!;
console.log('PORT', port, pid); await new Promise((r) => setTimeout(r, 12000));  for (const [h, path] of [] as [string,string][]) {
  const rps: Record<string, number[]> = { a: [], b: [] }; const us: Record<string, number[]> = { a: [], b: [] };
  for (let i = 0; i < 5; i++) for (const [k, q, m] of [['a', port, pid], ['b', plain, p.pid!]] as const) {
    const c = cpu(m); const out = execFileSync('wrk', ['-t1', '-c16', '-d1', '-H', `Host: ${h}`, `http://127.0.0.1:${q}${path}`], { encoding: 'utf8' });
    const n = Number(/(\d+) requests in/.exec(out)![1]); if (/Non-2xx/.test(out)) console.log('BAD', out);
    rps[k]!.push(n); us[k]!.push((cpu(m) - c) * 1e4 / n);
  }
  console.log(h, path, 'front', med(rps['a']!), 'plain', med(rps['b']!), 'ratio', (med(rps['a']!) / med(rps['b']!)).toFixed(2), 'us/req', med(us['a']!).toFixed(1), med(us['b']!).toFixed(1));
}
p.kill();
