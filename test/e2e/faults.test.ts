import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startEtcd } from '#test/lab/etcd.ts';
import { killProcess } from '#test/lab/kill.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { leftOvers, startInstance, until, type LabInstance } from '#test/lab/instance.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareStaticSite,
  declareTenant,
  domainType,
  hostType,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

/** What runs beside agent and controller when the server is the instance's own. */
const ownServer = testServer === 'wcp360' ? ['etcd', 'server'] : [];
const page = 'I stand.';
const php = "<?php echo 'PHP stands.';";

/** An instance with a static and a PHP site of one tenant. */
async function standing(t: Test, options: Parameters<typeof startInstance>[0] = {}): Promise<LabInstance> {
  const instance = await startInstance(options);
  t.teardown(() => instance.stop());
  const client = await instance.client();
  await declareTenant(client, 'acme');
  await declareStaticSite(instance, client, { domain: aDomain('acme', 'still'), page });
  await declareSite(client, aDomain('acme', 'php', { php: {} }));
  await instance.place('acme', 'domains/php/public/index.php', php);
  await until(() => bothAnswer(instance), 'both sites');
  return instance;
}

async function bothAnswer(instance: LabInstance): Promise<boolean> {
  const [still, dynamic] = await Promise.all([instance.http('still.acme.test'), instance.http('php.acme.test')]);
  return still.body === page && dynamic.body === 'PHP stands.';
}

interface OtherStore {
  /** Flags of `up` that attach an instance to it. */
  readonly attach: readonly string[];
  /** Flags that attach it to its own again. */
  readonly back: readonly string[];
  readonly kubeconfig: string;
  /** Where the name of the store stands in the instance's configuration. */
  readonly witness: readonly [file: string, text: string];
  stop(): Promise<void>;
}

/** An empty store of the kind that the instance has: an etcd for its own server, or another Kubernetes. */
async function startOtherStore({ kubeconfig }: LabInstance): Promise<OtherStore> {
  if (testServer === 'wcp360') {
    const { endpoint, stop } = await startEtcd();
    const flag = '--etcd-servers';
    return { attach: [flag, endpoint], back: [flag, ''], kubeconfig, witness: ['server.yaml', endpoint], stop };
  }
  const other = await startKubernetes();
  const flags = (path: string): readonly string[] => ['--kubeconfig', path];
  return {
    ...other,
    attach: flags(other.kubeconfig),
    back: flags(kubeconfig),
    witness: ['agent.kubeconfig', other.url],
  };
}

/** Something new is declared, served, and taken down again: everything between the declaration and a visitor works. */
async function converges(instance: LabInstance, name: string): Promise<void> {
  const client = await instance.client();
  const domain = aDomain('acme', name, { deletionPolicy: 'Delete' });
  await until(() => declare(client, domainType, domain), `${name} to be taken`);
  await until(async () => (await instance.http(`${name}.acme.test`)).status === 200, `${name} to be served`);
  await client.delete(domainType, { namespace: 'acme', name });
  await until(async () => (await client.get(domainType, { namespace: 'acme', name })) === undefined, `${name} to go`);
}

async function masterOf(instance: LabInstance): Promise<string> {
  const names = [...(await instance.services()).keys()];
  return names.find((name) => name.startsWith('php-')) ?? 'php';
}

await t.test('kill -9 of any process: sites go on or come back, and everything converges', async (t) => {
  const instance = await standing(t);
  // What serves visitors does not depend on these at all.
  const invisible = new Set(['etcd', 'server', 'controller', 'agent', 'supervisor']);
  for (const kind of [...ownServer, 'controller', 'agent', 'nginx', 'php'])
    await t.test(kind, async (t) => {
      const name = kind === 'php' ? await masterOf(instance) : kind;
      const before = (await instance.services()).get(name);
      if (before === undefined) throw new Error(`${name} does not run`);
      killProcess(before.pid);
      if (invisible.has(kind)) for (let count = 0; count < 5; count += 1) t.ok(await bothAnswer(instance), 'goes on');
      await until(() => bothAnswer(instance), 'the sites');
      await until(async () => {
        // PHP comes back for a visitor only; one that came at once may have been answered by what was dying.
        if (!(await bothAnswer(instance))) return false;
        const now = (await instance.services()).get(kind === 'php' ? await masterOf(instance) : kind);
        return now !== undefined && now.pid !== before.pid;
      }, `${name} to run again`);
      await converges(instance, `after-${kind}`);
      t.ok(await bothAnswer(instance));
    });
  await t.test('all at once but the supervisor', async (t) => {
    for (const [name, { pid }] of await instance.services()) if (name !== 'supervisor') killProcess(pid);
    await until(() => bothAnswer(instance), 'the sites');
    await converges(instance, 'after-all');
    t.ok(await bothAnswer(instance));
  });
  await t.test('objects that are gone at once: their sites are served until a person confirms the alarm', async (t) => {
    const client = await instance.client();
    const names = Array.from({ length: 6 }, (_, index) => `gone${index}`);
    const redirect = { to: 'https://elsewhere.test' };
    for (const name of names) await declareSite(client, aDomain('acme', name, { redirect }));
    const running = await instance.services();
    const signal = (word: NodeJS.Signals): void => {
      for (const name of ['controller', 'agent']) killProcess(running.get(name)?.pid, word);
    };
    // Nobody is there to put finalizers back, nor to see one object go after the other.
    signal('SIGSTOP');
    for (const name of names) {
      const key = { namespace: 'acme', name };
      await client.patch(domainType, key, { type: 'merge', body: { metadata: { finalizers: null } } });
      await client.delete(domainType, key);
    }
    signal('SIGCONT');
    const alarm = async () => conditionOf(await client.get(hostType, { name: 'local' }), 'ManyObjectsVanished');
    const { message } = await until(
      async () => ((await alarm())?.['status'] === 'True' ? alarm() : undefined),
      'the alarm',
    );
    const statuses = async () =>
      await Promise.all(names.map(async (name) => (await instance.http(`${name}.acme.test`)).status));
    t.same(new Set(await statuses()), new Set([301]));
    const [, ...argv] = /(wcpctl) (host) (confirm) (local) (\w+)/u.exec(String(message))?.slice(1) ?? [];
    t.match(await instance.wcpctl(argv), { exitCode: 0 });
    await until(async () => (await statuses()).every((status) => status === 421), 'their end');
    await until(async () => (await alarm())?.['status'] !== 'True', 'the end of the alarm');
    t.ok(await bothAnswer(instance), 'the others go on');
  });
  await t.test('the supervisor: what it started goes on, and up takes it over', async (t) => {
    const before = await instance.services();
    killProcess(before.get('supervisor')?.pid);
    await until(async () => !(await instance.services()).has('supervisor'), 'its end');
    t.ok(await bothAnswer(instance));
    await converges(instance, 'without-supervisor');
    const up = await instance.up();
    t.equal(up.exitCode, 0, up.stderr);
    const after = await instance.services();
    t.ok(after.has('supervisor'));
    for (const name of [...ownServer, 'controller', 'agent', 'nginx'])
      t.equal(after.get(name)?.pid, before.get(name)?.pid, `${name} was taken over as it ran`);
    // It keeps what it took over: the proof is one more kill.
    killProcess(after.get('agent')?.pid);
    await converges(instance, 'taken-over');
  });
  await t.test('supervisor and everything else: one up brings it all back', async (t) => {
    // nginx’s workers outlive their master and go on serving: the whole group, so that nobody is left.
    for (const [name, { pid }] of await instance.services()) killProcess(pid, 'SIGKILL', name === 'nginx');
    await until(async () => (await instance.services()).size === 0, 'the end of all');
    await t.rejects(instance.http('still.acme.test'), 'the control: now nothing answers');
    const up = await instance.up();
    t.equal(up.exitCode, 0, up.stderr);
    await until(() => bothAnswer(instance), 'the sites');
    await converges(instance, 'resurrected');
  });
});

await t.test(
  'a full disk stops what needs room, not what is served, and all goes on when there is room again',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'wcp360-full-'));
    execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=420m,mode=0755', basename(directory), directory]);
    t.teardown(() => {
      execFileSync('/usr/bin/umount', ['-l', directory]);
      rmdirSync(directory);
    });
    const instance = await standing(t, { directory });
    const client = await instance.client();
    const ballast = join(directory, 'ballast');
    execFileSync('/bin/sh', ['-c', 'cat /dev/zero > "$1" 2>/dev/null || true', 'fill', ballast]);
    t.ok(statSync(ballast).size > 1_000_000);
    await t.rejects(writeFile(join(directory, 'one-more'), 'x'.repeat(100_000)), 'the control: the disk is full');
    for (let count = 0; count < 5; count += 1) t.equal((await instance.http('still.acme.test')).body, page);
    const declared = aDomain('acme', 'late');
    const taken = await declare(client, domainType, declared).then(
      () => true,
      () => false,
    );
    t.comment(`while the disk was full a Domain was ${taken ? 'taken' : 'refused'}`);
    await delay(1_500);
    t.equal((await instance.http('still.acme.test')).body, page);
    await rm(ballast);
    await rm(join(directory, 'one-more'), { force: true });
    await until(() => declare(client, domainType, declared), 'the Domain to be taken').catch(async (err: unknown) => {
      for (const log of ['up', 'etcd', 'server', 'agent', 'controller'])
        t.comment(`${log}: ${(await readFile(join(directory, 'logs', `${log}.log`), 'utf8')).slice(-1500)}`);
      throw err;
    });
    await until(async () => (await instance.http('late.acme.test')).status === 200, 'the late site');
    await until(() => bothAnswer(instance), 'the others');
    await converges(instance, 'with-room');
    const still = await client.get(domainType, { namespace: 'acme', name: 'still' });
    t.equal(conditionOf(still, 'Ready')?.['status'], 'True', 'nothing declared is lost');
  },
);

await t.test(
  'attached to another, empty store by mistake, an instance deletes nothing and goes on serving',
  async (t) => {
    const instance = await standing(t);
    const other = await startOtherStore(instance);
    t.teardown(() => other.stop());
    const inventory = async (): Promise<readonly string[]> => [
      // Logs of what is gone stay for the tenant to read.
      ...(await readdir(join(instance.directory, 'tenants'), { recursive: true }))
        .filter((path) => !path.endsWith('.log'))
        .toSorted(),
      ...(await readdir(join(instance.directory, 'front/sites'))).toSorted(),
    ];
    const before = await inventory();
    t.ok(before.some((path) => path.includes('still')));
    const mistaken = await instance.up(other.attach);
    t.equal(mistaken.exitCode, 0, mistaken.stderr);
    const elsewhere = await instance.client(other.kubeconfig);
    await until(
      async () => (await elsewhere.list(domainType)).items.length === 0,
      'the empty store to be the one that is asked',
    );
    await until(async () => (await elsewhere.get(hostType, { name: 'local' })) !== undefined, 'the agent there');
    await delay(3_000);
    t.same(await inventory(), before);
    t.ok(await bothAnswer(instance));
    const [file, text] = other.witness;
    const config = await readFile(join(instance.directory, 'config', file), 'utf8');
    t.match(config, text, 'the control: it was the other store all the time');
    const back = await instance.up(other.back);
    t.equal(back.exitCode, 0, back.stderr);
    await until(() => bothAnswer(instance), 'both sites');
    const client = await instance.client();
    await until(async () => (await client.list(domainType)).items.length === 2, 'what was declared');
    t.ok(await bothAnswer(instance));
    await converges(instance, 'back-again');
    t.same(await inventory(), before);
    await instance.down();
    t.same(await leftOvers(instance.directory), []);
    await t.resolves(stat(join(instance.directory, 'tenants/acme/domains/still/public/index.html')));
  },
);
