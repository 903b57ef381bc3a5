import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { HostError } from '#runtime/base/errors.ts';
import type { ServiceUnit, Services } from '#runtime/host/host.ts';
import { isAlive, startTimeOf } from '#runtime/host/local/supervisor/process-table.ts';
import { killProcess } from '#test/lab/kill.ts';
import { patienceMs } from '#test/lab/patience.ts';

/** Services with real processes. Whatever the test leaves running is stopped after it. */
export interface ServicesUnderTest {
  /** Only root may write there. */
  readonly directory: string;
  /** Another process that takes over the same services. */
  readonly open: () => { readonly services: Services; readonly letGo: () => void };
}

type Law = readonly [string, (t: Test, under: ServicesUnderTest) => Promise<void>];

const signal = new AbortController().signal;

/** The laws of Services in runtime/host/host.ts that only processes can break; every implementation that has any runs them. */
export async function servicesContract(t: Test, prepare: (test: Test) => ServicesUnderTest): Promise<void> {
  for (const [name, law] of laws) await t.test(name, async (each) => law(each, prepare(each)));
}

const laws: readonly Law[] = [
  [
    'a service outlives whoever started it, and the next one takes it over',
    async (t, { open }) => {
      const first = open();
      const unit = { name: 'sleeper', command: ['/bin/sleep', '300'], restart: 'always' } as const;
      await first.services.start(unit, signal);
      const before = await first.services.get('sleeper', signal);
      first.letGo();
      const { services } = open();
      t.strictSame(await services.get('sleeper', signal), before);
      await services.start(unit, signal);
      t.equal((await services.get('sleeper', signal))?.pid, before?.pid, 'the same unit is not started again');
      const process = identityOf(before?.pid);
      await services.stop('sleeper', signal);
      t.notOk(isAlive(process));
    },
  ],
  [
    'a service that died while nobody watched is running again once somebody does',
    async (t, { open }) => {
      const first = open();
      await first.services.start({ name: 'sleeper', command: ['/bin/sleep', '300'], restart: 'always' }, signal);
      const pid = (await first.services.get('sleeper', signal))?.pid;
      first.letGo();
      killProcess(pid);
      const { services } = open();
      await until(async () => {
        const state = await services.get('sleeper', signal);
        return state?.running === true && state.pid !== pid;
      });
      t.pass();
    },
  ],
  [
    'one that is killed is restarted; one that is only started on demand stays away',
    async (t, { open }) => {
      const { services } = open();
      await services.start({ name: 'always', command: ['/bin/sleep', '300'], restart: 'always' }, signal);
      await services.start({ name: 'never', command: ['/bin/sleep', '300'], restart: 'never' }, signal);
      const [always, never] = await services.list(signal);
      for (const each of [always, never]) killProcess(each?.pid);
      await until(async () => {
        const state = await services.get('always', signal);
        return state?.running === true && state.pid !== always?.pid;
      });
      await until(async () => (await services.get('never', signal))?.running !== true);
      await services.start({ name: 'never', command: ['/bin/sleep', '300'], restart: 'never' }, signal);
      t.equal((await services.get('never', signal))?.running, true, 'but can be started again');
    },
  ],
  [
    'a service that is started anew is what was declared last',
    async (t, { open }) => {
      const { services } = open();
      for (const seconds of ['301', '302', '303']) {
        await services.start({ name: 'sleeper', command: ['/bin/sleep', seconds], restart: 'always' }, signal);
        t.equal(commandOf((await services.get('sleeper', signal))?.pid), `/bin/sleep ${seconds} `);
      }
      await services.stop('sleeper', signal);
      await services.start({ name: 'sleeper', command: ['/bin/sleep', '304'], restart: 'never' }, signal);
      t.equal(commandOf((await services.get('sleeper', signal))?.pid), '/bin/sleep 304 ');
    },
  ],
  [
    'a program that ends at once, or is not there, is an error that holds its last words, and no service',
    async (t, { directory, open }) => {
      const { services } = open();
      const logPath = `${directory}/log`;
      const unit = { name: 'broken', command: ['/bin/ls', '/does/not/exist'], logPath, restart: 'always' } as const;
      await t.rejects(services.start(unit, signal), { name: 'HostError', message: /does\/not\/exist/ });
      await t.rejects(services.start({ ...unit, command: ['/does/not/exist'] }, signal), HostError);
      t.equal(await services.get('broken', signal), undefined);
      t.strictSame(await services.list(signal), []);
    },
  ],
  [
    'what does not stop in time is killed, with all it started',
    async (t, { open }) => {
      const { services } = open();
      const program = `process.on('SIGTERM', () => 0); require('child_process').spawn('/bin/sleep', ['300'], { detached: true }); setInterval(() => 0, 1000)`;
      const unit = { name: 'stubborn', command: [process.execPath, '-e', program], restart: 'never' } as const;
      await services.start({ ...unit, stopTimeoutMs: 200 }, signal);
      await until(async () => (await services.processCount('stubborn', signal)) === 2);
      // Until it listens for the signal.
      await delay(50);
      const { pid = 0 } = (await services.get('stubborn', signal)) ?? {};
      const child = identityOf(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()));
      const leader = identityOf(pid);
      await services.stop('stubborn', signal);
      t.notOk(isAlive(leader));
      t.notOk(isAlive(child));
      t.equal(await services.processCount('stubborn', signal), 0);
    },
  ],
  [
    'rights are dropped before the program begins, and cannot be won back',
    async (t, under) => {
      const program = 'open(F, "/proc/self/status"); print <F>';
      const text = await outputOf(under, { program, uid: 20001, gid: 20002 });
      t.match(text, /Uid:\t20001\t20001\t20001\t20001/);
      t.match(text, /Gid:\t20002\t20002\t20002\t20002/);
      t.match(text, /Groups:\s*(20002)?\s*\n/, 'no group beside its own');
      t.match(text, /NoNewPrivs:\t1/);
      t.match(text, /CapEff:\t0+\n/);
      t.match(statSync(`${under.directory}/log`), { uid: 0 });
    },
  ],
  [
    'a program gets the arguments, the environment and the directory that were declared, and nothing else',
    async (t, under) => {
      const program = 'print join("\\0", @ARGV, map("$_=$ENV{$_}", sort keys %ENV), readlink("/proc/self/cwd")), "\\0"';
      const seen = async (asked: Omit<Asked, 'program'>): Promise<readonly string[]> =>
        (await outputOf(under, { program, ...asked })).split('\0').slice(0, -1);
      const variables = Object.fromEntries(hostile.map((value, index) => [`V${index}`, value]));
      const lines = (environment: Readonly<Record<string, string>>): readonly string[] =>
        Object.keys(environment)
          .toSorted()
          .map((name) => `${name}=${environment[name]}`);
      t.strictSame(await seen({ args: hostile, environment: variables, workingDirectory: '/usr' }), [
        ...hostile,
        ...lines(variables),
        '/usr',
      ]);
      const common = { HOME: '/x', PATH: '/bin', LANG: 'C', USER: 'me', SHELL: '/bin/false' };
      t.strictSame(await seen({ environment: common, uid: 20001 }), [...lines(common), '/']);
    },
  ],
  [
    'a log is never written through a link or a second name',
    async (t, { directory, open }) => {
      const { services } = open();
      writeFileSync(`${directory}/target`, '');
      execFileSync('/bin/ln', ['-s', 'target', `${directory}/link`]);
      execFileSync('/bin/ln', [`${directory}/target`, `${directory}/second`]);
      for (const name of ['link', 'second']) {
        const logPath = `${directory}/${name}`;
        const unit = { name: 'x', command: ['/bin/sleep', '9'], logPath, restart: 'never' } as const;
        await t.rejects(services.start(unit, signal), HostError);
        t.equal(await services.get('x', signal), undefined);
      }
    },
  ],
  [
    'a log that somebody puts a link in the place of is the file that was opened, nonetheless',
    async (t, under) => {
      const { directory, open } = under;
      const { services } = open();
      writeFileSync(`${directory}/target`, '');
      const program = 'sleep 1 while !-l $ARGV[0]; print "end"';
      const logPath = `${directory}/log`;
      const command = ['/usr/bin/perl', '-e', program, logPath];
      await services.start({ name: 'writer', command, logPath, restart: 'never' }, signal);
      execFileSync('/bin/mv', [logPath, `${directory}/moved`]);
      execFileSync('/bin/ln', ['-s', 'target', logPath]);
      await until(() => readFileSync(`${directory}/moved`, 'utf8') === 'end');
      t.equal(readFileSync(`${directory}/target`, 'utf8'), '');
    },
  ],
];

/** Text that a manager of services could take for something of its own. */
const hostile = [
  '',
  ' ',
  'a b',
  '$HOME ${HOME} $$',
  '%n%%',
  '"\'`\\',
  'one\ntwo\\\nthree\t',
  ';',
  '-x',
  '#',
  'ü ✓',
  '\\x41',
  '=',
  '{}*?',
];

interface Asked extends Pick<ServiceUnit, 'environment' | 'uid' | 'gid' | 'workingDirectory'> {
  /** Of Perl: our own Node may lie where not everybody can enter. */
  readonly program: string;
  readonly args?: readonly string[];
}

/** What a program prints as a service. */
async function outputOf(
  { directory, open }: ServicesUnderTest,
  { program, args = [], ...unit }: Asked,
): Promise<string> {
  const logPath = `${directory}/log`;
  const end = '(end)';
  writeFileSync(logPath, '');
  const command = ['/usr/bin/perl', '-e', `$| = 1; ${program}; print "${end}"; sleep 1000`, '--', ...args];
  const { services, letGo } = open();
  await services.start({ name: 'speaker', restart: 'never', logPath, command, ...unit }, signal);
  await until(() => readFileSync(logPath, 'utf8').endsWith(end));
  await services.stop('speaker', signal);
  letGo();
  return readFileSync(logPath, 'utf8').slice(0, -end.length);
}

function identityOf(pid = 0): { readonly pid: number; readonly startTime: string } {
  return { pid, startTime: startTimeOf(pid) ?? 'none' };
}

function commandOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(10)) {
    if (await condition()) return;
  }
  throw new Error('waited in vain');
}
