import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { noOtherDebian, openDebian } from '#test/lab/debian.ts';

const skip = process.getuid?.() === 0 ? noOtherDebian : 'needs root: nginx drops to another user';

await t.test(
  'the web front keeps its laws on Debian 13, those of HTTP/3 among them, and the name server starts',
  { skip },
  async (each) => {
    const front = ['nginx', 'libnginx-mod-http-lua', 'lua-cjson', 'curl'];
    const dns = ['pdns-server', 'pdns-backend-sqlite3', 'sqlite3', 'bind9-dnsutils'];
    const directory = await mkdtemp(join(tmpdir(), 'wcp360-debian-'));
    each.teardown(async () => await rm(directory, { recursive: true }));
    const debian = await openDebian('trixie', [...front, ...dns], directory);
    const version = await debian.run(['/usr/sbin/nginx', '-v']);
    each.match(version.stderr, /nginx\/1\.26/);
    for (const name of [
      'front',
      'front-address',
      'front-tls',
      'front-stapling',
      'front-http3',
      'powerdns-secondaries',
    ]) {
      const { exitCode, stdout, stderr } = await debian.run([
        process.execPath,
        join(import.meta.dirname, `${name}.test.ts`),
      ]);
      if (!each.equal(exitCode, 0, name)) each.comment(stdout, stderr);
      each.notMatch(stdout, /# SKIP|^1\.\.0/im, `nothing of ${name} is left out`);
    }
  },
);
