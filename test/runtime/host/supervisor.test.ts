import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { HostError } from '#runtime/base/errors.ts';
import type { Services } from '#runtime/host/host.ts';
import { capLog } from '#runtime/host/local/supervisor/service-log.ts';
import { openSupervisor } from '#runtime/host/local/supervisor/supervisor.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';

const signal = new AbortController().signal;
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: it drops rights' };

interface Opened {
  readonly directory: string;
  readonly open: () => { readonly services: Services; readonly letGo: () => void };
}

function prepare(test: Test): Opened {
  const directory = mkdtempSync('/dev/shm/wcp360-supervisor-');
  chmodSync(directory, 0o755);
  const opened: { readonly services: Services; readonly letGo: () => void }[] = [];
  const open: Opened['open'] = () => {
    const lifetime = new AbortController();
    const services = openSupervisor({ directory: `${directory}/services`, log: silentLogger }, lifetime.signal);
    const handle = { services, letGo: () => lifetime.abort() };
    opened.push(handle);
    return handle;
  };
  test.teardown(async () => {
    for (const { letGo } of opened) letGo();
    const { services, letGo } = open();
    for (const { name } of await services.list(signal)) await services.stop(name, signal);
    letGo();
    rmSync(directory, { recursive: true });
  });
  return { directory, open };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await condition()) return true;
    await delay(10);
  }
  return false;
}

const isThere = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

t.test('a service outlives its supervisor, and the next one takes it over', async (test) => {
  const { open } = prepare(test);
  const first = open();
  const unit = { name: 'sleeper', command: ['/bin/sleep', '300'], restart: 'always' } as const;
  await first.services.start(unit, signal);
  const before = await first.services.get('sleeper', signal);
  first.letGo();
  const second = open();
  test.strictSame(await second.services.get('sleeper', signal), before);
  await second.services.start(unit, signal);
  test.equal((await second.services.get('sleeper', signal))?.pid, before?.pid, 'the same unit is not started again');
  await second.services.stop('sleeper', signal);
  test.ok(await until(() => !isThere(before?.pid)));
});

t.test('a service that died while nobody watched is running again once somebody does', async (test) => {
  const { open } = prepare(test);
  const first = open();
  await first.services.start({ name: 'sleeper', command: ['/bin/sleep', '300'], restart: 'always' }, signal);
  const pid = (await first.services.get('sleeper', signal))?.pid ?? 0;
  first.letGo();
  process.kill(pid, 'SIGKILL');
  await until(() => !isThere(pid));
  const second = open();
  test.ok(await until(async () => (await second.services.get('sleeper', signal))?.running === true));
  test.not((await second.services.get('sleeper', signal))?.pid, pid);
});

t.test('one that is killed is restarted; one that is only started on demand is forgotten', async (test) => {
  const { open } = prepare(test);
  const { services } = open();
  await services.start({ name: 'always', command: ['/bin/sleep', '300'], restart: 'always' }, signal);
  await services.start({ name: 'never', command: ['/bin/sleep', '300'], restart: 'never' }, signal);
  const [always, never] = await services.list(signal);
  process.kill(always?.pid ?? 0, 'SIGKILL');
  process.kill(never?.pid ?? 0, 'SIGKILL');
  test.ok(await until(async () => (await services.get('never', signal)) === undefined));
  test.ok(
    await until(async () => {
      const state = await services.get('always', signal);
      return state?.running === true && state.pid !== always?.pid;
    }),
  );
});

t.test('a program that ends at once is an error that holds its last words', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  const logPath = `${directory}/log`;
  const unit = { name: 'broken', command: ['/bin/ls', '/does/not/exist'], logPath, restart: 'always' } as const;
  await test.rejects(services.start(unit, signal), HostError);
  await test.rejects(services.start({ ...unit, command: ['/does/not/exist'] }, signal), HostError);
  test.match(readFileSync(logPath, 'utf8'), /does\/not\/exist/);
  test.equal(await services.get('broken', signal), undefined);
});

t.test('what does not stop in time is killed, with all it started', async (test) => {
  const { open } = prepare(test);
  const { services } = open();
  const program = `process.on('SIGTERM', () => 0); require('child_process').spawn('/bin/sleep', ['300'], { detached: true }); setInterval(() => 0, 1000)`;
  await services.start(
    { name: 'stubborn', command: [process.execPath, '-e', program], restart: 'never', stopTimeoutMs: 200 },
    signal,
  );
  test.ok(await until(async () => (await services.processCount('stubborn', signal)) === 2));
  await delay(50);
  const { pid = 0 } = (await services.get('stubborn', signal)) ?? {};
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  await services.stop('stubborn', signal);
  test.ok(await until(() => !isThere(pid)));
  test.ok(await until(() => !isThere(child)));
});

t.test('rights are dropped before the program begins, and cannot be won back', asRoot, async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  const logPath = `${directory}/log`;
  // Not our own Node: the checkout may lie where this uid can not enter.
  const program = '$| = 1; for (qw(status environ)) { open(F, "/proc/self/$_"); print <F> } sleep 1000';
  const unit = {
    name: 'plain',
    command: ['/usr/bin/perl', '-e', program],
    environment: { ONLY: 'this' },
    uid: 20001,
    gid: 20002,
    logPath,
    restart: 'never',
  } as const;
  await services.start(unit, signal);
  await until(() => readFileSync(logPath, 'utf8').includes('ONLY'));
  const text = readFileSync(logPath, 'utf8');
  test.match(text, /Uid:\t20001\t20001\t20001\t20001/);
  test.match(text, /Gid:\t20002\t20002\t20002\t20002/);
  test.match(text, /Groups:\t?\s*\n/);
  test.match(text, /NoNewPrivs:\t1/);
  test.match(text, /CapEff:\t0+\n/);
  test.ok(text.endsWith('\nONLY=this\0'), 'the environment is the one given, and nothing else');
  test.match(statSync(logPath), { uid: 0 });
  const record = readFileSync(`${directory}/services/plain.json`, 'utf8');
  test.notMatch(record, /ONLY/, 'the environment of what is started on demand is not written down');
  test.equal(statSync(`${directory}/services/plain.json`).mode & 0o777, 0o600);
});

t.test('a record of another process with the same number is not taken for ours', async (test) => {
  const { directory, open } = prepare(test);
  open().letGo();
  const unit = { name: 'old', command: ['/bin/sleep', '1'], restart: 'never' };
  const record = { pid: process.pid, startTime: '1', unitHash: 'x', startedMs: 0, unit };
  writeFileSync(`${directory}/services/old.json`, JSON.stringify(record));
  const { services } = open();
  test.not((await services.get('old', signal))?.running, true);
  await services.stop('old', signal);
  test.ok(isThere(process.pid));
});

t.test('a log is never written through a link or a second name', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  writeFileSync(`${directory}/target`, '');
  execFileSync('/bin/ln', ['-s', 'target', `${directory}/link`]);
  execFileSync('/bin/ln', [`${directory}/target`, `${directory}/second`]);
  for (const name of ['link', 'second']) {
    const unit = {
      name: 'x',
      command: ['/bin/sleep', '9'],
      logPath: `${directory}/${name}`,
      restart: 'never',
    } as const;
    await test.rejects(services.start(unit, signal), HostError);
  }
});

t.test('a log that grew too large keeps its last lines', async (test) => {
  const { directory } = prepare(test);
  const path = `${directory}/log`;
  writeFileSync(path, Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join(''));
  capLog(path, 20_000, 100);
  test.equal(statSync(path).size > 8_000, true, 'below the bound nothing happens');
  capLog(path, 5_000, 100);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  test.equal(lines.at(-1), 'line 999');
  test.match(lines[0], /^line \d+$/);
  test.ok(statSync(path).size <= 100);
});
