import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { hostContract } from '#test/contracts/host.ts';
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
