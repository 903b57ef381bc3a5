import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { capLog } from '#runtime/host/local/service-log.ts';
import { startTimeOf } from '#runtime/host/local/supervisor/process-table.ts';
import { openSupervisor } from '#runtime/host/local/supervisor/supervisor.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { servicesContract } from '#test/contracts/services.ts';
import { until } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { realServices } from '#test/runtime/host/machines.ts';

const signal = new AbortController().signal;
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: it drops rights' };

const prepare = realServices((directory, lifetime) =>
  openSupervisor({ directory: `${directory}/services`, log: silentLogger }, lifetime),
);

await t.test('a supervisor keeps the contract of services', asRoot, (each) => servicesContract(each, prepare));

t.test('what a service keeps as a service of its own outlives its stop', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  const pidFile = `${directory}/kept`;
  const program = `const { pid } = require('child_process').spawn('/bin/sleep', ['300'], { detached: true }); require('fs').writeFileSync('${pidFile}', String(pid)); setInterval(() => 0, 1000)`;
  const unit = { name: 'keeper', command: [process.execPath, '-e', program], restart: 'never' } as const;
  await services.start({ ...unit, keepsServices: true }, signal);
  await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '', 'what it keeps');
  const { pid } = (await services.get('keeper', signal)) ?? {};
  const kept = Number(readFileSync(pidFile, 'utf8'));
  test.teardown(() => process.kill(kept));
  await services.stop('keeper', signal);
  await until(() => !existsSync(`/proc/${pid}`), 'its end');
  test.ok(existsSync(`/proc/${kept}`));
});

t.test('a service begins when the one before it has left the process table', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  const program = `cd "${directory}" && { [ ! -e pid ] || ls -d /proc/$(cat pid) > met 2> /dev/null || rm -f met; }; echo $$ > pid; exec sleep 300`;
  const unit = { name: 'next', command: ['/bin/sh', '-c', program], restart: 'always' } as const;
  await services.start(unit, signal);
  for (let round = 0; round < 5; round += 1) {
    await until(() => existsSync(`${directory}/pid`) && readFileSync(`${directory}/pid`, 'utf8') !== '', 'its number');
    const { pid } = required(await services.get('next', signal), 'the service');
    killProcess(pid);
    // Ended for whoever looks, while nobody had the time to hear of it.
    while (startTimeOf(required(pid, 'its number')) !== undefined);
    await services.start(unit, signal);
    await until(() => readFileSync(`${directory}/pid`, 'utf8') !== `${pid}\n`, 'the next one');
    test.notOk(existsSync(`${directory}/met`));
  }
});

t.test('the environment of what is started on demand is not written down', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  const environment = { ONLY: 'this' };
  await services.start({ name: 'plain', command: ['/bin/sleep', '9'], environment, restart: 'never' }, signal);
  const record = readFileSync(`${directory}/services/plain.json`, 'utf8');
  test.notMatch(record, /ONLY/);
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
  test.ok(process.kill(process.pid, 0));
});

t.test('an end that cannot be dealt with at once is dealt with later, and ends nobody', async (test) => {
  const { directory, open } = prepare(test);
  const { services } = open();
  await services.start({ name: 'brief', command: ['/bin/sleep', '300'], restart: 'never' }, signal);
  // A directory is not removed as a record is.
  const record = `${directory}/services/brief.json`;
  rmSync(record);
  mkdirSync(record);
  const { pid } = required(await services.get('brief', signal), 'the service');
  killProcess(pid);
  await until(() => startTimeOf(required(pid, 'its number')) === undefined, 'its end');
  await delay(100);
  test.match(await services.get('brief', signal), { running: false }, 'it is known still');
  rmdirSync(record);
  await until(async () => (await services.get('brief', signal)) === undefined, 'it to be forgotten');
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
