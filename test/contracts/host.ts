import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { freePort } from '#test/lab/free-port.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { BugError, HostError, required } from '#runtime/base/errors.ts';
import type { Host, ShownCertificate } from '#runtime/host/host.ts';

/** A machine under test, with what the suite must do to it behind its back. */
export interface HostUnderTest {
  readonly host: Host;
  readonly symlink: (target: string, path: string) => void;
  /** Writes as another program would. */
  readonly writeByHand: (path: string, content: string) => void;
  /** Makes a listening socket of this uid, gone with the host. */
  readonly listenAs: (path: string, uid: number) => Promise<void>;
  /** Makes a TLS server that knows this name and no other, gone with the host. */
  readonly serveTls: (serverName: string) => Promise<{ readonly port: number; readonly shown: ShownCertificate }>;
  readonly close: () => Promise<void>;
}

const mine = { mode: 0o640, uid: 0, gid: 33 };
const open = { mode: 0o755, uid: 0, gid: 0 };

/** The laws of runtime/host/host.ts; every implementation runs them. */
export async function hostContract(t: Test, create: () => Promise<HostUnderTest>): Promise<void> {
  for (const [name, law] of [...fileLaws, ...pathLaws, ...treeLaws, ...otherLaws]) {
    await t.test(name, async (each) => {
      const under = await create();
      const lifetime = new AbortController();
      try {
        await law(each, under, lifetime.signal);
      } finally {
        lifetime.abort();
        await under.close();
      }
    });
  }
}

type Law = readonly [string, (t: Test, under: HostUnderTest, signal: AbortSignal) => Promise<void>];

const fileLaws: readonly Law[] = [
  [
    'what is not there is undefined, not an error',
    async (t, { host }, signal) => {
      t.equal(await host.readText(`${host.root}/none`, signal), undefined);
      t.equal(await host.readDirectory(`${host.root}/none`, signal), undefined);
      t.equal(await host.readTexts(`${host.root}/none`, signal), undefined);
      t.equal(await host.facts(`${host.root}/none/deeper`, signal), undefined);
      await host.removeFile(`${host.root}/none`, signal);
      await host.removeTree(`${host.root}/none`, signal);
    },
  ],
  [
    'a file has the content, owner and mode it was written with, whatever was there before',
    async (t, { host }, signal) => {
      const path = `${host.root}/file`;
      await host.replaceFile(path, 'one', { mode: 0o600, uid: 20001, gid: 20001 }, signal);
      await host.replaceFile(path, 'two ✓', { ...mine, durable: true }, signal);
      t.equal(await host.readText(path, signal), 'two ✓');
      t.match(await host.facts(path, signal), { type: 'file', mode: 0o640, uid: 0, gid: 33, sizeBytes: 7 });
    },
  ],
  [
    'a file that comes by and by is there when all of it is, and not before; it is read as it is',
    async (t, { host }, signal) => {
      const path = `${host.root}/file`;
      const ownership = { mode: 0o600, uid: 0, gid: 0 };
      const breaking = async function* broken() {
        yield Buffer.from('a part');
        t.equal((await host.facts(path, signal))?.sizeBytes, 3);
        throw new HostError('it broke');
      };
      await host.replaceFile(path, 'old', mine, signal);
      await t.rejects(host.replaceFileWith(path, breaking(), ownership, signal), /it broke/);
      t.equal(await host.readText(path, signal), 'old');
      await host.replaceFileWith(path, Readable.from([Buffer.from('ne'), Buffer.from('w')]), ownership, signal);
      t.match(await host.facts(path, signal), { type: 'file', mode: 0o600, uid: 0, gid: 0, sizeBytes: 3 });
      const found = await host.openFile(path, signal);
      t.equal(await text(required(found, 'the file')), 'new');
      t.equal(await host.openFile(`${host.root}/none`, signal), undefined);
      await t.rejects(host.openFile(host.root, signal), HostError);
      t.strictSame((await host.readDirectory(`${host.root}/staging`, signal)) ?? [], []);
    },
  ],
  [
    'many files are written in one call',
    async (t, { host }, signal) => {
      await host.makeDirectory(`${host.root}/many`, open, signal);
      const files = Array.from({ length: 250 }, (_, index) => ({
        path: `${host.root}/many/f${index}`,
        content: `${index}`,
        ownership: mine,
      }));
      await host.replaceFiles(files, signal);
      await host.replaceFile(`${host.root}/many/.hidden`, 'x', mine, signal);
      const texts = await host.readTexts(`${host.root}/many`, signal);
      t.equal(texts?.size, 250);
      t.equal(texts?.get('f249'), '249');
      t.equal(
        (
          await host.factsOf(
            files.map((file) => file.path),
            signal,
          )
        ).size,
        250,
      );
    },
  ],
  [
    'a file that is larger than asked for is an error',
    async (t, { host }, signal) => {
      await host.replaceFile(`${host.root}/large`, 'x'.repeat(2000), mine, signal);
      await t.rejects(host.readText(`${host.root}/large`, signal, 1000), HostError);
    },
  ],
  [
    'nothing of a write that failed is left',
    async (t, { host }, signal) => {
      await host.makeDirectory(`${host.root}/taken`, open, signal);
      await t.rejects(host.replaceFile(`${host.root}/taken`, 'x', mine, signal), HostError);
      await t.rejects(host.replaceFile(`${host.root}/missing/file`, 'x', mine, signal), HostError);
      t.strictSame(await host.readDirectory(`${host.root}/staging`, signal), []);
    },
  ],
  [
    'an aborted signal stops a call before it does anything',
    async (t, { host }) => {
      const aborted = AbortSignal.abort();
      await t.rejects(host.replaceFile(`${host.root}/file`, 'x', mine, aborted));
      t.equal(await host.facts(`${host.root}/file`, new AbortController().signal), undefined);
    },
  ],
];

const pathLaws: readonly Law[] = [
  [
    'a path outside of the root, or not in its plain spelling, is a bug',
    async (t, { host }, signal) => {
      const paths = [
        '/etc/passwd',
        `${host.root}/../x`,
        `${host.root}//x`,
        `${host.root}/x/`,
        `${host.root}x`,
        'x',
        `${host.root}/a\0b`,
      ];
      for (const path of paths) await t.rejects(host.readText(path, signal), BugError, path);
    },
  ],
  [
    'no link is ever followed: neither as the last part of a path nor before it',
    async (t, { host, symlink }, signal) => {
      await host.makeDirectory(`${host.root}/real`, open, signal);
      await host.replaceFile(`${host.root}/real/secret`, 'x', mine, signal);
      symlink(`${host.root}/real`, `${host.root}/link`);
      symlink(`${host.root}/real/secret`, `${host.root}/file`);
      await t.rejects(host.readText(`${host.root}/link/secret`, signal), HostError);
      await t.rejects(host.replaceFile(`${host.root}/link/new`, 'x', mine, signal), HostError);
      await t.rejects(host.makeDirectory(`${host.root}/link/new`, open, signal), HostError);
      await t.rejects(host.removeFile(`${host.root}/link/secret`, signal), HostError);
      await t.rejects(host.removeTree(`${host.root}/link/secret`, signal), HostError);
      await t.rejects(host.rename(`${host.root}/link/secret`, `${host.root}/stolen`, signal), HostError);
      await t.rejects(host.readText(`${host.root}/file`, signal), HostError);
      await t.rejects(host.makeDirectory(`${host.root}/link`, open, signal), HostError);
      t.equal((await host.facts(`${host.root}/file`, signal))?.type, 'symlink');
      t.strictSame(await host.readDirectory(`${host.root}/real`, signal), [{ name: 'secret', type: 'file' }]);
    },
  ],
  [
    'a file replaces a link, and what the link led to stays',
    async (t, { host, symlink }, signal) => {
      await host.replaceFile(`${host.root}/target`, 'kept', mine, signal);
      symlink(`${host.root}/target`, `${host.root}/link`);
      await host.replaceFile(`${host.root}/link`, 'new', mine, signal);
      t.equal(await host.readText(`${host.root}/target`, signal), 'kept');
      t.equal(await host.readText(`${host.root}/link`, signal), 'new');
    },
  ],
];

const treeLaws: readonly Law[] = [
  [
    'making a directory again corrects its owner and mode and keeps what is in it',
    async (t, { host }, signal) => {
      const path = `${host.root}/directory`;
      await host.makeDirectory(path, { mode: 0o700, uid: 0, gid: 0 }, signal);
      await host.replaceFile(`${path}/file`, 'x', mine, signal);
      await host.makeDirectory(path, { mode: 0o2750, uid: 20001, gid: 33 }, signal);
      t.match(await host.facts(path, signal), { type: 'directory', mode: 0o2750, uid: 20001, gid: 33 });
      t.equal(await host.readText(`${path}/file`, signal), 'x');
    },
  ],
  [
    'entries come in byte order with their types',
    async (t, { host, symlink }, signal) => {
      const path = `${host.root}/list`;
      await host.makeDirectory(path, open, signal);
      await host.makeDirectory(`${path}/b`, open, signal);
      await host.replaceFile(`${path}/a`, '', mine, signal);
      await host.replaceFile(`${path}/B`, '', mine, signal);
      symlink('a', `${path}/c`);
      t.strictSame(await host.readDirectory(path, signal), [
        { name: 'B', type: 'file' },
        { name: 'a', type: 'file' },
        { name: 'b', type: 'directory' },
        { name: 'c', type: 'symlink' },
      ]);
    },
  ],
  [
    'a rename takes all with it, replaces nothing, and counts as done when repeated',
    async (t, { host }, signal) => {
      const [from, to] = [`${host.root}/from`, `${host.root}/to`];
      await host.makeDirectory(from, open, signal);
      await host.replaceFile(`${from}/file`, 'x', mine, signal);
      await host.rename(from, to, signal);
      await host.rename(from, to, signal);
      t.equal(await host.readText(`${to}/file`, signal), 'x');
      await host.makeDirectory(from, open, signal);
      await t.rejects(host.rename(from, to, signal), HostError);
      await t.rejects(host.rename(`${host.root}/nothing`, `${host.root}/nowhere`, signal), HostError);
    },
  ],
  [
    'a removed tree is gone, and what its links led to stays',
    async (t, { host, symlink }, signal) => {
      await host.makeDirectory(`${host.root}/outside`, open, signal);
      await host.replaceFile(`${host.root}/outside/file`, 'x', mine, signal);
      await host.makeDirectory(`${host.root}/tree`, open, signal);
      await host.makeDirectory(`${host.root}/tree/deep`, open, signal);
      symlink(`${host.root}/outside`, `${host.root}/tree/deep/link`);
      await host.removeTree(`${host.root}/tree`, signal);
      t.equal(await host.facts(`${host.root}/tree`, signal), undefined);
      t.equal(await host.readText(`${host.root}/outside/file`, signal), 'x');
      t.strictSame(await host.readDirectory(`${host.root}/trash`, signal), []);
    },
  ],
];

const otherLaws: readonly Law[] = [
  [
    'a watch tells what others change, not what the host itself does',
    async (t, { host, writeByHand }, signal) => {
      const directory = `${host.root}/watched`;
      await host.makeDirectory(directory, open, signal);
      await host.replaceFile(`${directory}/theirs`, 'x', mine, signal);
      const seen = new Set<string>();
      await host.watchFiles(directory, (path) => seen.add(path), signal, { flat: true });
      await host.replaceFile(`${directory}/ours`, 'x', mine, signal);
      await host.removeFile(`${directory}/ours`, signal);
      writeByHand(`${directory}/theirs`, 'changed');
      for (let tries = 0; seen.size === 0 && tries < 100; tries += 1) await pause(10);
      await pause(30);
      t.strictSame([...seen], [`${directory}/theirs`]);
    },
  ],
  [
    'a published socket is another name of the same socket, and only of one that belongs to the uid',
    async (t, { host, listenAs, symlink }, signal) => {
      await host.makeDirectory(`${host.root}/own`, { mode: 0o755, uid: 20001, gid: 33 }, signal);
      await listenAs(`${host.root}/own/socket`, 20001);
      await host.publishSocket(`${host.root}/own/socket`, `${host.root}/public`, 20001, signal);
      await host.publishSocket(`${host.root}/own/socket`, `${host.root}/public`, 20001, signal);
      t.equal((await host.facts(`${host.root}/public`, signal))?.type, 'socket');
      t.equal(await host.accepts(`${host.root}/public`, signal), true);
      t.equal(await host.accepts(`${host.root}/nowhere`, signal), false);
      await t.rejects(host.publishSocket(`${host.root}/own/socket`, `${host.root}/public`, 20002, signal), HostError);
      symlink(`${host.root}/own/socket`, `${host.root}/own/link`);
      await t.rejects(host.publishSocket(`${host.root}/own/link`, `${host.root}/public`, 20001, signal), HostError);
      t.strictSame(await host.readDirectory(`${host.root}/staging`, signal), []);
    },
  ],
  [
    'a TLS handshake shows the certificate for a name, is refused for others, and needs somebody who answers',
    async (t, { host, serveTls }, signal) => {
      const { port, shown } = await serveTls('known.example');
      const address = { host: '127.0.0.1', port };
      t.strictSame(await host.tlsHandshake(address, 'known.example', signal), shown);
      t.match(shown, { serialNumber: /^[0-9A-F]+$/, fingerprint256: /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/ });
      t.equal(await host.tlsHandshake(address, 'other.example', signal), undefined);
      const nobody = { host: '127.0.0.1', port: await freePort() };
      await t.rejects(host.tlsHandshake(nobody, 'known.example', signal), HostError);
    },
  ],
  [
    'a service that was started runs, is found by name, and is gone once stopped',
    async (t, { host }, signal) => {
      const unit = { name: 'sleeper', command: ['/bin/sleep', '60'], restart: 'never' } as const;
      await host.services.start(unit, signal);
      const first = await host.services.get('sleeper', signal);
      t.match(first, { name: 'sleeper', running: true });
      await host.services.start(unit, signal);
      t.strictSame(await host.services.get('sleeper', signal), first, 'the same unit is left alone');
      await host.services.start({ ...unit, command: ['/bin/sleep', '61'] }, signal);
      t.not((await host.services.get('sleeper', signal))?.pid, first?.pid, 'another unit restarts it');
      t.equal(await host.services.processCount('sleeper', signal), 1);
      await host.services.stop('sleeper', signal);
      await host.services.stop('sleeper', signal);
      t.equal(await host.services.get('sleeper', signal), undefined);
      t.strictSame(await host.services.list(signal), []);
      await t.rejects(host.services.signal('sleeper', 'SIGHUP'), HostError);
    },
  ],
  [
    'a slice has the limits and the owner that it was given last, and none once it is removed',
    async (t, { host }, signal) => {
      const { slices, manager } = host.services;
      if (slices === undefined) return void t.equal(manager, 'supervisor', 'which enforces no limits');
      const name = 'wcp360-20001';
      const every = { cpuMillicores: 64_510, memoryBytes: 104_857_601, processes: 7 };
      for (const limits of [every, { memoryBytes: 4096 }, { cpuMillicores: 10, processes: 1 }, {}, every]) {
        await slices.put(name, { owner: 'Tenant/acme-1', limits }, signal);
        await slices.put('wcp360-20002', { owner: 'Tenant/zoo', limits: {} }, signal);
        t.strictSame(
          [...(await slices.list(signal))],
          [
            [name, { owner: 'Tenant/acme-1', limits }],
            ['wcp360-20002', { owner: 'Tenant/zoo', limits: {} }],
          ],
        );
      }
      const sleeper = { command: ['/bin/sleep', '60'], restart: 'never' } as const;
      await host.services.start({ ...sleeper, name: 'in', slice: name }, signal);
      await host.services.start({ ...sleeper, name: 'out' }, signal);
      for (const each of [name, name, 'wcp360-20002', 'wcp360-20003']) await slices.remove(each, signal);
      t.not((await host.services.get('in', signal))?.running, true, 'what ran in it is ended');
      t.equal((await host.services.get('out', signal))?.running, true);
      t.strictSame([...(await slices.list(signal))], []);
    },
  ],
  [
    'a tenant’s own directory is made by the tenant',
    async (t, { host }, signal) => {
      await host.makeDirectory(`${host.root}/home`, { mode: 0o2750, uid: 20001, gid: 33 }, signal);
      const options = { uid: 20001, gid: 20001, timeoutMs: patienceMs };
      await host.run(['/bin/mkdir', '-p', '--', `${host.root}/home/public`], options, signal);
      t.match(await host.facts(`${host.root}/home/public`, signal), { type: 'directory', uid: 20001, gid: 33 });
      const other = { ...options, uid: 20002, gid: 20002 };
      await t.rejects(host.run(['/bin/mkdir', '-p', '--', `${host.root}/home/evil`], other, signal), HostError);
    },
  ],
];

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
