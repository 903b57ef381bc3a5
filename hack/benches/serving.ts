import { execFile, execFileSync } from 'node:child_process';
import { chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Instance } from './instance.ts';
import { applyAll, domainOf, hostOf, tenant } from './domains.ts';
import { freePort } from '#test/lab/free-port.ts';
import { measurement, type BenchOptions } from './measurement.ts';

const run = promisify(execFile);
const bench = 'sites';
const wrkConnections = 32;
const rounds = 3;
const pageBytes = 1_024;

/** Requests per second of a static and a PHP site, beside the same nginx binary with one plain server block, in turns. */
export async function measureServing(instance: Instance, options: BenchOptions): Promise<void> {
  await applyAll(instance, [domainOf('wrk-static'), domainOf('wrk-php', { php: {} })]);
  const roots = { static: await placed(instance, 'wrk-static'), php: await placed(instance, 'wrk-php') };
  await writeAs(join(roots.static, 'page.html'), 'x'.repeat(pageBytes));
  await writeAs(join(roots.php, 'page.php'), `<?php echo str_repeat('x', ${pageBytes});`);
  const front = `http://127.0.0.1:${instance.httpPort}`;
  await awaitStatus(front, hostOf('wrk-static'), '/page.html');
  await awaitStatus(front, hostOf('wrk-php'), '/page.php');
  const plain = await startPlain(instance);
  try {
    for (const [kind, path] of [
      ['static', '/page.html'],
      ['php', '/page.php'],
    ] as const) {
      options.note(`requests per second of a ${kind} site`);
      const host = hostOf(`wrk-${kind}`);
      const ours: number[] = [];
      const theirs: number[] = [];
      await perSecond(front + path, host, 1);
      await perSecond(plain.url + path, host, 1);
      for (let round = 0; round < rounds; round++) {
        const seconds = options.quick ? 1 : 5;
        theirs.push(await perSecond(plain.url + path, host, seconds));
        ours.push(await perSecond(front + path, host, seconds));
      }
      const row = {
        bench,
        measure: `requests of a ${kind} site (1 KiB)`,
        value: mean(ours),
        reference: mean(theirs),
        unit: '/s',
      };
      options.report(measurement(row, { atLeast: 0.75 }));
    }
  } finally {
    plain.stop();
  }
}

const waitMs = 15_000;

async function placed(instance: Instance, name: string): Promise<string> {
  const root = join(instance.directory, 'tenants', tenant, 'domains', name, 'public');
  const giveUpAt = Date.now() + waitMs;
  while (Date.now() < giveUpAt) {
    const isThere = await stat(root).then(
      () => true,
      () => false,
    );
    if (isThere) return root;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${root} was not made`);
}

/** A file that belongs to whom its directory belongs to. */
async function writeAs(path: string, text: string): Promise<void> {
  const { uid, gid } = await stat(join(path, '..'));
  await writeFile(path, text, { mode: 0o640 });
  await chown(path, uid, gid);
}

async function awaitStatus(url: string, host: string, path: string): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  let last = '';
  while (Date.now() < giveUpAt) {
    const { stdout } = await run('/usr/bin/curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '-H',
      `Host: ${host}`,
      url + path,
    ]);
    last = stdout;
    if (last === '200') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${host}${path} answers ${last}`);
}

async function perSecond(url: string, host: string, seconds: number): Promise<number> {
  const { stdout } = await run('/usr/bin/wrk', [
    '-t1',
    `-c${wrkConnections}`,
    `-d${seconds}s`,
    '-H',
    `Host: ${host}`,
    url,
  ]);
  if (/Non-2xx/.test(stdout)) throw new Error(`${host}: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/** The same nginx with one server block that does just this, in the same mount namespace, on the same files and the same PHP master. */
async function startPlain(instance: Instance): Promise<{ readonly url: string; readonly stop: () => void }> {
  const port = await freePort();
  const inside = '/srv/wcp360';
  await mkdir(join(instance.directory, 'plain-nginx'), { recursive: true });
  const pools = await readdir(join(instance.directory, 'run/php'));
  const pool = pools.find((name) => name.includes('wrk-php')) ?? '';
  const domains = `${inside}/tenants/${tenant}/domains`;
  await writeFile(
    join(instance.directory, 'plain-nginx/nginx.conf'),
    `user www-data;
worker_processes auto;
pid ${inside}/plain-nginx/nginx.pid;
error_log ${inside}/plain-nginx/error.log;
pcre_jit on;
events { worker_connections 8000; multi_accept on; }
http {
  include /etc/nginx/mime.types;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000;
  server {
    listen 127.0.0.1:${port};
    server_name ${hostOf('wrk-static')} ${hostOf('wrk-php')};
    access_log ${inside}/plain-nginx/access.log;
    location / { root ${domains}/wrk-static/public; }
    location ~ \\.php$ {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME ${domains}/wrk-php/public$fastcgi_script_name;
      fastcgi_pass unix:${inside}/run/php/${pool}/php.sock;
    }
  }
}
`,
  );
  const enter = ['--target', String(instance.supervisorPid), '--mount', '--'];
  const nginx = ['/usr/sbin/nginx', '-c', `${inside}/plain-nginx/nginx.conf`, '-p', `${inside}/plain-nginx/`];
  execFileSync('/usr/bin/nsenter', [...enter, ...nginx]);
  const stop = (): void => void execFileSync('/usr/bin/nsenter', [...enter, ...nginx, '-s', 'stop']);
  return { url: `http://127.0.0.1:${port}`, stop };
}
