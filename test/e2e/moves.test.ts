import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { retainedDataKind, type RetainedData } from '#schemas/v1alpha1/retained-data.ts';
import type { Tenant } from '#schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { openHostMachine, type HostMachine } from '#test/lab/host-machine.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareStaticSite,
  declareTenant,
  domainType,
  hostType,
  tenantType,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Tenants on their way from one host to another, with all that they have.

const apiVersion = 'hosting.wcp360.io/v1alpha1';
const tenant = 'acme';
const patienceMs = 90_000;
const keptType = resourceTypeOf(retainedDataKind);

const instance = await startInstance();
const machines: HostMachine[] = [];
t.teardown(async () => {
  for (const machine of machines) await machine.destroy();
  await instance.stop();
});
const client = await instance.client();
const [one, two] = [await joined('web1'), await joined('web2')];

async function joined(name: string): Promise<HostMachine> {
  await declare(client, hostType, { apiVersion, kind: 'Host', metadata: { name }, spec: {} } as KubeObject);
  const machine = await openHostMachine(instance, client, name);
  machines.push(machine);
  machine.start();
  const isReady = async () => conditionOf(await client.get(hostType, { name }), 'Ready')?.['status'] === 'True';
  await until(isReady, `host ${name} to serve`, patienceMs);
  return machine;
}

type Status = NonNullable<Tenant['status']>;

async function statusOf(name = tenant): Promise<Status> {
  return ((await client.get(tenantType, { name })) as Tenant | undefined)?.status ?? ({} as Status);
}

/** The host that a tenant is on, and the other one. */
async function sidesOf(name = tenant): Promise<readonly [from: HostMachine, to: HostMachine]> {
  return (await statusOf(name)).host === 'web1' ? [one, two] : [two, one];
}

const siteDirectory = (machine: HostMachine): string => join(machine.directory, 'tenants', tenant, 'domains/shop');

/** Resolves when nothing of the tenant is under way. */
async function settled(host: string, name = tenant): Promise<void> {
  const isSettled = async () => {
    const { host: on, nextHost, formerHost } = await statusOf(name);
    return on === host && nextHost === undefined && formerHost === undefined;
  };
  await until(isSettled, `${name} to be on ${host} and nowhere else`, patienceMs);
}

const appending = `<?php
if (isset($_GET['n'])) {
  $line = $_GET['n'] . "\\n";
  if (@file_put_contents(__DIR__ . '/../written', $line, FILE_APPEND | LOCK_EX) !== strlen($line)) http_response_code(507);
}
echo 'here';`;

await t.test('the ground: a tenant with a site that writes, on one of two hosts', async (t) => {
  t.match(await instance.wcpctl(['host', 'cordon', 'local']), { exitCode: 0 });
  await declareTenant(client, tenant, { php: { versions: ['8.2'] } });
  const [from] = await sidesOf();
  await declareSite(client, aDomain(tenant, 'shop', { php: {} }));
  await from.place(tenant, 'domains/shop/public/index.php', appending);
  await declareStaticSite(from, client, { domain: aDomain(tenant, 'plain'), page: 'plain' });
  t.match(await from.http(`shop.${tenant}.test`), { status: 200, body: 'here' });
});

interface Watched {
  /** Numbers of which the site said that they are written. */
  readonly written: string[];
  /** Moments at which no host had the page, or the site was not Ready. */
  readonly gaps: string[];
  stop(): Promise<void>;
}

/** Visitors who ask the one host, then the other, and write all the while. */
function watchVisitors([from, to]: readonly [HostMachine, HostMachine]): Watched {
  const watched = { written: [] as string[], gaps: [] as string[] };
  let isOver = false;
  const answers = async (path: string): Promise<readonly number[]> => {
    const first = await from.http(`shop.${tenant}.test`, path).catch(() => undefined);
    if (first?.status === 200 || first?.status === 507) return [first.status];
    const second = await to.http(`shop.${tenant}.test`, path).catch(() => undefined);
    return [first?.status ?? 0, second?.status ?? 0];
  };
  const loop = async (): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const statuses = await answers(`/index.php?n=${n}`);
      if (statuses.includes(200)) watched.written.push(String(n));
      else if (!statuses.includes(507)) watched.gaps.push(`${n}: ${statuses.join(', ')}`);
      const ready = conditionOf(await client.get(domainType, { namespace: tenant, name: 'shop' }), 'Ready');
      if (ready?.['status'] !== 'True') watched.gaps.push(`${n}: ${String(ready?.['reason'])}`);
      await delay(5);
    }
  };
  const ended = loop();
  return { ...watched, stop: async () => ((isOver = true), await ended) };
}

await t.test(
  'a tenant that moves is served all the while, and nothing is lost that a site said was written',
  async (t) => {
    const [from, to] = await sidesOf();
    await from.runAs(tenant, ['/bin/mkdir', '-m', '0750', join(siteDirectory(from), 'public/private')]);
    await from.place(tenant, 'domains/shop/public/private/page.html', 'for the front');
    const { uid } = await statusOf();
    const visitors = watchVisitors([from, to]);
    await until(() => visitors.written.length > 20, 'visitors to be there', patienceMs);
    const before = visitors.written.length;
    const moved = await instance.wcpctl(['tenant', 'move', tenant, to.name, '--timeout', '180s']);
    await visitors.stop();
    t.match(moved, { exitCode: 0, stdout: new RegExp(`is on ${to.name}`) }, moved.stderr);
    t.same(visitors.gaps, []);
    const written = readFileSync(join(siteDirectory(to), 'written'), 'utf8').split('\n');
    t.same(
      visitors.written.filter((n) => !written.includes(n)),
      [],
    );
    t.ok(visitors.written.length > before, `${visitors.written.length - before} were written meanwhile`);
    t.same((await statusOf()).uid, uid);
    t.match(await to.http(`plain.${tenant}.test`), { status: 200, body: 'plain' });
    t.match(await to.http(`shop.${tenant}.test`, '/private/page.html'), { status: 200, body: 'for the front' });
    for (const site of ['shop', 'plain']) t.not((await from.http(`${site}.${tenant}.test`)).status, 200, site);
  },
);

await t.test('the former host keeps a copy for a week, and nothing else', async (t) => {
  const [to, from] = await sidesOf();
  t.notOk(existsSync(join(from.directory, 'tenants', tenant)));
  const { items } = await client.list(keptType, { fieldSelector: `spec.host=${from.name}` });
  t.equal(items.length, 2);
  for (const { spec } of items as unknown as readonly { spec: { path: string; expiresAt: string } }[]) {
    t.ok(existsSync(join(from.directory, spec.path)), spec.path);
    t.ok(Math.abs(Date.parse(spec.expiresAt) - Date.now() - 7 * 86_400_000) < 600_000, spec.expiresAt);
  }
  const domain = await client.get(domainType, { namespace: tenant, name: 'shop' });
  t.notOk((domain?.metadata.finalizers ?? []).some((each) => /next-host|former-host/.test(each)));
  t.equal(conditionOf(domain, 'NextHostReady'), undefined);
  t.equal(conditionOf(domain, 'FormerHostClear'), undefined);
  t.equal(conditionOf(await client.get(tenantType, { name: tenant }), 'Moving'), undefined);
  t.ok(existsSync(siteDirectory(to)), 'the control');
});

await t.test(
  'it moves back and forth though both agents are killed at every step, and what was kept is taken back',
  async (t) => {
    const [from, to] = await sidesOf();
    await from.runAs(tenant, ['/bin/rm', join(siteDirectory(from), 'written')]);
    await from.place(tenant, 'domains/shop/public/new.html', 'new');
    t.match(await instance.wcpctl(['tenant', 'move', tenant, to.name, '--no-wait']), { exitCode: 0 });
    const seen = new Set<string>();
    const step = async (): Promise<boolean> => {
      const { host, moving, formerHost } = await statusOf();
      const now = formerHost === undefined ? (moving ?? 'chosen') : 'Leaving';
      if (!seen.has(now)) {
        seen.add(now);
        for (const machine of [from, to]) machine.kill('SIGKILL');
        for (const machine of [from, to]) machine.start();
      }
      return host === to.name && formerHost === undefined;
    };
    await until(step, 'it to be there in spite of that', 180_000);
    await settled(to.name);
    t.match(await to.http(`shop.${tenant}.test`, '/new.html'), { status: 200, body: 'new' });
    t.notOk(existsSync(join(siteDirectory(to), 'written')), 'what was deleted meanwhile does not come back');
    const { items } = await client.list(keptType, { fieldSelector: `spec.host=${to.name}` });
    t.same(items, []);
    t.comment(`killed while ${[...seen].join(', ')}`);
  },
);

await t.test('a move that is called off leaves nothing at the host that it was to', async (t) => {
  const [from, to] = await sidesOf();
  to.cutOff();
  t.match(await instance.wcpctl(['tenant', 'move', tenant, to.name, '--no-wait']), { exitCode: 0 });
  await until(async () => (await statusOf()).moving === 'Copying', 'it to begin');
  to.reconnect();
  await until(async () => existsSync(siteDirectory(to)), 'the first of it to be there', patienceMs);
  const body = { spec: { placement: { host: from.name } } };
  await client.patch(tenantType, { name: tenant }, { type: 'merge', body });
  await settled(from.name);
  await until(async () => readdirSync(join(to.directory, 'tenants')).length === 0, 'the copies to go', patienceMs);
  t.match(await from.http(`shop.${tenant}.test`), { status: 200, body: 'here' });
  const { exitCode } = await from.runAs(tenant, ['/usr/bin/touch', join(siteDirectory(from), 'public/writable')]);
  t.equal(exitCode, 0);
});

await t.test('a Domain that is deleted on the way, and one that comes, are where they belong in the end', async (t) => {
  const [from, to] = await sidesOf();
  to.cutOff();
  t.match(await instance.wcpctl(['tenant', 'move', tenant, to.name, '--no-wait']), { exitCode: 0 });
  await until(async () => (await statusOf()).moving === 'Copying', 'it to begin');
  await client.delete(domainType, { namespace: tenant, name: 'plain' });
  to.reconnect();
  await declareStaticSite(from, client, { domain: aDomain(tenant, 'late'), page: 'late' });
  await settled(to.name);
  await until(
    async () => (await client.get(domainType, { namespace: tenant, name: 'plain' })) === undefined,
    'it to go',
  );
  t.match(await to.http(`late.${tenant}.test`), { status: 200, body: 'late' });
  t.notOk(existsSync(join(to.directory, 'tenants', tenant, 'domains/plain')));
});

await t.test('a host is emptied by one command, which tells of those that have nowhere to go', async (t) => {
  const [from, to] = await sidesOf();
  await client.patch(tenantType, { name: tenant }, { type: 'merge', body: { spec: { placement: { host: null } } } });
  await client.patch(hostType, { name: to.name }, { type: 'merge', body: { spec: { capacity: { tenants: 0 } } } });
  t.match(await instance.wcpctl(['host', 'drain', from.name, '--no-wait']), { exitCode: 0 });
  const isStuck = async (): Promise<boolean> => {
    const drained = conditionOf(await client.get(hostType, { name: from.name }), 'Drained');
    return /1 of them cannot go/.test(String(drained?.['message']));
  };
  await until(isStuck, 'it to be seen that one cannot go', patienceMs);
  const stuck = await instance.wcpctl(['host', 'drain', from.name, '--timeout', '10s']);
  t.match(stuck, { exitCode: 1, stdout: /1 of them cannot go \(acme\)/, stderr: /timed out/ });
  await client.patch(hostType, { name: to.name }, { type: 'merge', body: { spec: { capacity: null } } });
  const drained = await instance.wcpctl(['host', 'drain', from.name, '--timeout', '180s']);
  t.match(drained, { exitCode: 0, stdout: /No tenant is on the host/ }, drained.stderr);
  await settled(to.name);
  t.match(await instance.wcpctl(['host', 'uncordon', from.name]), { exitCode: 0 });
  const isDrained = async () => conditionOf(await client.get(hostType, { name: from.name }), 'Drained') !== undefined;
  await until(async () => !(await isDrained()), 'the host to be as before');
});

/** What hosts keep of a Domain: until when, by the host. */
async function keptOf(name: string): Promise<Readonly<Record<string, string | undefined>>> {
  const { items } = await client.list<RetainedData>(keptType);
  const own = items.filter(({ spec }) => spec.objectRef.name === name);
  return Object.fromEntries(own.map(({ spec }) => [spec.host, spec.expiresAt]));
}

await t.test(
  'a Domain that is deleted leaves what it is to leave, on the host that it was moved from, too',
  async (t) => {
    const [on, former] = await sidesOf();
    const isGone = async (name: string) => (await client.get(domainType, { namespace: tenant, name })) === undefined;
    const copies = Object.fromEntries(
      (await client.list<RetainedData>(keptType)).items.map(({ spec }) => [spec.objectRef.name, spec.path]),
    );
    const copyOf = (name: string): string => join(former.directory, copies[name] ?? '');
    t.ok(existsSync(copyOf('late')) && existsSync(copyOf('shop')), 'the control');
    const body = { spec: { deletionPolicy: 'Delete' } };
    await client.patch(domainType, { namespace: tenant, name: 'late' }, { type: 'merge', body });
    former.cutOff();
    await client.delete(domainType, { namespace: tenant, name: 'late' });
    await until(() => isGone('late'), 'it to go, whatever the former host does', patienceMs);
    former.reconnect();
    await until(async () => Object.keys(await keptOf('late')).length === 0, 'nothing to be kept of it', patienceMs);
    t.notOk(existsSync(copyOf('late')));
    const { [former.name]: expiresAt } = await keptOf('shop');
    await client.delete(domainType, { namespace: tenant, name: 'shop' });
    await until(() => isGone('shop'), 'the other one to go', patienceMs);
    t.same(await keptOf('shop'), { [former.name]: expiresAt, [on.name]: undefined }, 'what is kept for good is here');
    t.ok(existsSync(copyOf('shop')));
  },
);
