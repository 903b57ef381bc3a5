import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { noOtherDebian, openDebian } from '#test/lab/debian.ts';

const skip = process.getuid?.() === 0 ? noOtherDebian : 'needs root: nginx drops to another user';

await t.test('the web front keeps its laws on Debian 13, those of HTTP/3 among them', { skip }, async (each) => {
  const packages = ['nginx', 'libnginx-mod-http-lua', 'lua-cjson', 'curl'];
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-debian-'));
  each.teardown(async () => await rm(directory, { recursive: true }));
  const debian = await openDebian('trixie', packages, directory);
  const version = await debian.run(['/usr/sbin/nginx', '-v']);
  each.match(version.stderr, /nginx\/1\.26/);
  for (const name of ['front', 'front-address', 'front-tls', 'front-stapling', 'front-http3']) {
    const { exitCode, stdout, stderr } = await debian.run([
      process.execPath,
      join(import.meta.dirname, `${name}.test.ts`),
    ]);
    if (!each.equal(exitCode, 0, name)) each.comment(stdout, stderr);
    each.notMatch(stdout, /# SKIP|^1\.\.0/im, `nothing of ${name} is left out`);
  }
});
