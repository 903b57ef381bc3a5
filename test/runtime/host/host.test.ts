import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { isUdpPortFree } from '#runtime/host/local/udp-port.ts';
import { hostContract } from '#test/contracts/host.ts';
import { until } from '#test/lab/instance.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { processesWith } from '#test/lab/processes-with.ts';
import { run } from '#test/lab/run.ts';
import { modelMachine, realMachine } from '#test/runtime/host/machines.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: it gives files to others';

await t.test('the model machine', (each) => hostContract(each, modelMachine));

await t.test('the real machine', { skip }, (each) => hostContract(each, realMachine));

await t.test(
  'a program is fed and read while it runs, as whoever it is, and tells how it failed',
  { skip },
  async (each) => {
    const { host, close } = await realMachine();
    const lifetime = new AbortController();
    const { signal } = lifetime;
    const cat = host.startProgram(['/bin/cat'], { uid: 65_534, gid: 65_534 }, signal);
    cat.stdin.write('one');
    each.equal(String(await once(cat.stdout, 'data')), 'one', 'before its end');
    cat.stdin.end('two');
    each.equal(await text(cat.stdout), 'two');
    await cat.ended;
    const whoami = host.startProgram(['/usr/bin/id', '-u'], { uid: 65_534, gid: 65_534 }, signal);
    each.equal(await text(whoami.stdout), '65534\n');
    const failing = host.startProgram(['/bin/ls', '/nowhere'], { environment: { LC_ALL: 'C' } }, signal);
    failing.stdout.resume();
    await each.rejects(failing.ended, { code: 'WCP_HOST', message: /\/bin\/ls ended with 2: .*No such file/ });
    const endless = host.startProgram(['/bin/sleep', '600'], {}, signal);
    lifetime.abort();
    await each.rejects(endless.ended, /was ended/);
    each.throws(() => host.startProgram(['/bin/cat'], {}, signal), 'not after the end');
    await close();
  },
);

await t.test('no program outlives its time, nor does what it started hold up its end', { skip }, async (each) => {
  const { host, close } = await realMachine();
  // No other process of the machine sleeps for so long.
  const long = `${600 + Math.random()}`;
  const left = () => processesWith('cmdline', long);
  const stop = new AbortController();
  const run = (script: string, timeoutMs = 600_000) => host.run(['/bin/sh', '-c', script], { timeoutMs }, stop.signal);
  const ways = [
    `sleep ${long} & sleep ${long}`,
    `trap '' TERM; sleep ${long} & sleep ${long}; sleep ${long}`,
    `(trap '' TERM; sleep ${long} < /dev/null > /dev/null 2>&1) & sleep ${long}`,
  ];
  for (const script of ways) await each.rejects(run(script, 300), /took longer than 300 ms/, script);
  await until(() => left().length === 0, 'all of it to be gone');
  each.match(await run(`sleep ${long} & echo done`), { exitCode: 0, stdout: 'done\n' }, 'its end is its own');
  await until(() => left().length === 0, 'what it left to be gone');
  const aborted = Promise.all(ways.map((script) => each.rejects(run(script), { message: 'not wanted any more' })));
  await until(() => left().length >= 6, 'all to have begun');
  stop.abort(new Error('not wanted any more'));
  await aborted;
  await until(() => left().length === 0, 'all to be gone');
  const apart = host.run(
    ['/bin/sh', '-c', `setsid sleep ${long} & sleep ${long}`],
    { timeoutMs: 300 },
    new AbortController().signal,
  );
  await each.rejects(apart, /took longer/, 'whoever leaves the group is not waited for');
  for (const pid of left()) process.kill(Number(pid), 'SIGKILL');
  await close();
});

await t.test(
  'a connection outlives the wish of whoever opened it, and only a socket is connected to',
  { skip },
  async (each) => {
    const { host, close } = await realMachine();
    const lifetime = new AbortController();
    const { signal } = lifetime;
    const path = `${host.root}/socket`;
    await host.listenUnix(path, { mode: 0o600, uid: 0, gid: 0 }, (line) => Promise.resolve(`${line}!`), signal);
    const opener = new AbortController();
    const stream = await host.connectUnix(path, opener.signal);
    opener.abort();
    stream.write('still there\n');
    each.equal(String(await once(stream, 'data')), 'still there!\n');
    await each.rejects(host.connectUnix(path, opener.signal), { name: 'AbortError' }, 'the control: no longer wanted');
    stream.destroy();
    await host.replaceFile(`${host.root}/file`, 'x', { mode: 0o600, uid: 0, gid: 0 }, signal);
    await each.rejects(host.connectUnix(`${host.root}/file`, signal), { code: 'WCP_HOST', message: /no socket/ });
    each.equal(await host.accepts(`${host.root}/file`, signal), false);
    lifetime.abort();
    await close();
  },
);

await t.test(
  'a tree of which the kernel watches no more is looked at anew, and ends nobody',
  { skip },
  async (each) => {
    const directory = await mkdtemp('/dev/shm/wcp360-watched-');
    each.teardown(() => rm(directory, { recursive: true }));
    const program = `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { createOwnWrites } from '#runtime/host/local/own-writes.ts';
    import { watchDeep } from '#runtime/host/local/watch-files.ts';
    // Of this user name space alone.
    writeFileSync('/proc/sys/user/max_inotify_watches', '3');
    const over = new AbortController();
    const seen = Promise.withResolvers();
    const onChange = (path) => path === '${directory}' && seen.resolve();
    await watchDeep({ directory: '${directory}', ownWrites: createOwnWrites(), onChange }, over.signal);
    const waiting = setTimeout(() => process.exit(7), ${patienceMs});
    for (const name of ['one', 'two', 'three', 'four', 'five']) mkdirSync('${directory}/' + name);
    await seen.promise;
    clearTimeout(waiting);
    over.abort();
  `;
    const own = ['/usr/bin/unshare', '--user', '--map-root-user', process.execPath];
    each.match(await run([...own, '--input-type=module', '--eval', program]), { exitCode: 0, stderr: '' });
  },
);

await t.test('a port of UDP is free unless another program has it, even one that would share it', async (each) => {
  for (const [type, address] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const other = createSocket({ type, reusePort: true });
    other.bind(0, address);
    await once(other, 'listening');
    const { port } = other.address();
    each.equal(await isUdpPortFree(address, port), false);
    other.close();
    await once(other, 'close');
    each.equal(await isUdpPortFree(address, port), true);
    each.equal(await isUdpPortFree('192.0.2.1', port), true, 'an address that is not ours is for nginx to tell');
  }
});
