import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chown, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { applyAll, domainOf, hostOf, makeTenant, tenant } from './domains.ts';
import { openInstance, type Instance } from './instance.ts';
import { cpuSecondsOf, measurement, percentile, type Bench, type BenchOptions } from './measurement.ts';
import { startPlainNginx, type PlainNginx } from './reference/plain-nginx.ts';

const run = promisify(execFile);
const bench = 'serving';
const connections = 32;
const pageBytes = 1_024;
const domains = `tenants/${tenant}/domains`;
const sites = {
  static: { name: 'wrk-static', spec: {}, path: '/page.html', page: 'x'.repeat(pageBytes) },
  php: { name: 'wrk-php', spec: { php: {} }, path: '/page.php', page: `<?php echo str_repeat('x', ${pageBytes});` },
} as const;

/** Requests of a static and a PHP site: per second, and what one costs the workers, beside the same nginx binary with one plain server block. */
export const servingBench: Bench = async (options) => {
  const instance = await openInstance();
  try {
    await makeTenant(instance);
    await makeSites(instance);
    const plain = await startPlain(instance);
    try {
      for (const kind of ['static', 'php'] as const) await measureSite(instance, plain, { kind, options });
    } finally {
      plain.stop();
    }
  } finally {
    await instance.close();
  }
};

async function makeSites(instance: Instance): Promise<void> {
  await applyAll(
    instance,
    Object.values(sites).map(({ name, spec }) => domainOf(name, spec)),
  );
  for (const { name, path, page } of Object.values(sites)) {
    await writeWhenPlaced(join(instance.directory, domains, name, 'public', path), page);
    await awaitStatus(`http://127.0.0.1:${instance.httpPort}${path}`, hostOf(name));
  }
}

async function startPlain(instance: Instance): Promise<PlainNginx> {
  const pools = await readdir(join(instance.directory, 'run/php'));
  const pool = pools.find((name) => name.includes(sites.php.name)) ?? '';
  const plain = await startPlainNginx(instance, {
    hostnames: Object.values(sites).map(({ name }) => hostOf(name)),
    files: `${domains}/${sites.static.name}/public`,
    scripts: `${domains}/${sites.php.name}/public`,
    socket: `run/php/${pool}/php.sock`,
  });
  await awaitStatus(plain.url + sites.static.path, hostOf(sites.static.name));
  return plain;
}

interface Measured {
  readonly kind: keyof typeof sites;
  readonly options: BenchOptions;
}

/** Turns are short, and each side goes first as often as second: what else the machine does meets both alike. */
async function measureSite(instance: Instance, plain: PlainNginx, { kind, options }: Measured): Promise<void> {
  options.note(`requests of a ${kind} site`);
  const { name, path } = sites[kind];
  const host = hostOf(name);
  const workers = (pidFile: string): readonly number[] => workersOf(join(instance.directory, pidFile));
  const ours: Side = { url: `http://127.0.0.1:${instance.httpPort}${path}`, host, workers: workers('front/nginx.pid') };
  const theirs: Side = { url: plain.url + path, host, workers: workers(plain.pidFile) };
  const turns = new Map<Side, Turn[]>([
    [ours, []],
    [theirs, []],
  ]);
  for (const side of turns.keys()) await takeTurn(side);
  for (let pair = 0; pair < (options.quick ? 2 : 16); pair++) {
    for (const side of pair % 2 === 0 ? [ours, theirs] : [theirs, ours]) turns.get(side)?.push(await takeTurn(side));
  }
  const row = (measure: string, unit: string, of: (turns: readonly Turn[]) => number) => ({
    ...{ bench, measure: `${measure} of a ${kind} site (1 KiB)`, unit },
    ...{ value: of(turns.get(ours) ?? []), reference: of(turns.get(theirs) ?? []) },
  });
  options.report(measurement(row('requests', '/s', meanRate), { atLeast: 0.75 }));
  options.report(measurement(row('nginx CPU per request', 'µs', medianCpu)));
}

interface Side {
  readonly url: string;
  readonly host: string;
  /** Pids of the nginx workers. */
  readonly workers: readonly number[];
}

interface Turn {
  readonly perSecond: number;
  /** User and system, of all workers, per request. */
  readonly cpuMicroseconds: number;
}

/** A mean: whether one worker gets all connections or each its part is chance, turn by turn, and a median would know one of the two only. */
function meanRate(turns: readonly Turn[]): number {
  return turns.reduce((sum, { perSecond }) => sum + perSecond, 0) / turns.length;
}

function medianCpu(turns: readonly Turn[]): number {
  const samples = turns.map(({ cpuMicroseconds }) => cpuMicroseconds);
  return percentile(samples, 0.5);
}

async function takeTurn({ url, host, workers }: Side): Promise<Turn> {
  const used = (): number => workers.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const before = used();
  const { stdout } = await run('/usr/bin/wrk', ['-t1', `-c${connections}`, '-d1s', '-H', `Host: ${host}`, url]);
  const seconds = used() - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${host}: ${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  return { perSecond, cpuMicroseconds: (seconds * 1e6) / requests };
}

function workersOf(pidFile: string): readonly number[] {
  const master = readFileSync(pidFile, 'utf8').trim();
  return readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ').map(Number);
}

const waitMs = 15_000;

/** Puts a file where the agent makes a document root; it belongs to whom its directory belongs to. */
async function writeWhenPlaced(path: string, text: string): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  for (;;) {
    const directory = await stat(join(path, '..')).catch(() => undefined);
    if (directory !== undefined) {
      await writeFile(path, text, { mode: 0o640 });
      await chown(path, directory.uid, directory.gid);
      return;
    }
    if (Date.now() > giveUpAt) throw new Error(`there is no directory for ${path}`);
    await setTimeout(50);
  }
}

async function awaitStatus(url: string, host: string): Promise<void> {
  const giveUpAt = Date.now() + waitMs;
  const ask = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Host: ${host}`, url];
  for (;;) {
    const { stdout } = await run('/usr/bin/curl', ask);
    if (stdout === '200') return;
    if (Date.now() > giveUpAt) throw new Error(`${host} answers ${stdout} at ${url}`);
    await setTimeout(100);
  }
}
