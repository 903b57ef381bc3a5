import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { domainKind, hostnameClaimKind, retainedDataKind, tenantKind, uidClaimKind } from '#schemas/index.ts';
import { namespaceKind, resourceQuotaKind, roleBindingKind, secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { openLife } from '#test/lab/life.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// Everything between a manifest and the machine: a real API server, the leader, and an agent on a model machine with the real drivers.

/** A field of an object that must be there. */
function partOf<T>(object: KubeObject | undefined, field: 'spec' | 'status'): T {
  return required(object?.[field], field) as T;
}

void t.test('a tenant gets a namespace, a user id, a quota, rights and its directories', async (t) => {
  const lab = await openLife(t, ['acme']);
  const tenant = await lab.get(tenantKind, 'acme');
  const status = tenant?.['status'] as { uid: number; host: string; effective: object };
  t.equal(status.host, 'web1');
  t.ok(status.uid >= 20_000 && status.uid <= 59_999);
  t.match(status.effective, { packageName: 'starter', limits: { domains: 40 }, suspended: false });
  t.equal((await lab.get(namespaceKind, 'acme'))?.metadata.labels?.['hosting.wcp360.io/tenant'], 'acme');
  t.match(await lab.get(resourceQuotaKind, 'tenant', 'acme'), {
    spec: { hard: { 'count/domains.hosting.wcp360.io': '40' } },
  });
  t.ok(await lab.get(roleBindingKind, 'wcp360-owners', 'acme'));
  t.match(await lab.get(uidClaimKind, String(status.uid)), { spec: { tenantRef: { name: 'acme' } } });
  t.equal(lab.host.tree.nodes.get('/srv/wcp360/tenants/acme/tmp')?.uid, status.uid);
});

void t.test('a Domain is claimed, placed and served, and its changes follow', async (t) => {
  const lab = await openLife(t, ['acme']);
  await lab.apply(domainKind, 'shop', { hostname: 'shop.acme.example' }, 'acme');
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  t.match(lab.site('shop.acme.example'), { tenant: 'acme', serve: { type: 'static', root: 'public' } });
  t.match(await lab.get(hostnameClaimKind, 'shop.acme.example'), { spec: { tenantRef: { name: 'acme' } } });
  await lab.apply(
    domainKind,
    'shop',
    { hostname: 'store.acme.example', aliases: ['*.store.acme.example'], www: 'Redirect' },
    'acme',
  );
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  await lab.gone(hostnameClaimKind, 'shop.acme.example');
  t.equal(lab.site('shop.acme.example'), undefined);
  t.match(lab.site('*.store.acme.example'), { serve: { type: 'static' } });
  t.match(lab.site('www.store.acme.example'), { serve: { type: 'redirect', to: '//store.acme.example' } });
});

void t.test('the first tenant to claim a name has it; the other is told, and gets it once it is free', async (t) => {
  const lab = await openLife(t, ['acme', 'other']);
  await lab.apply(domainKind, 'shop', { hostname: 'shop.example' }, 'acme');
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  await lab.apply(domainKind, 'mine', { hostname: 'shop.example' }, 'other');
  await lab.apply(domainKind, 'below', { hostname: 'x.shop.example' }, 'other');
  await lab.settled(domainKind, 'mine', 'HostnameTaken', 'other');
  await lab.settled(domainKind, 'below', 'HostnameBelowAnother', 'other');
  t.match(lab.site('shop.example'), { tenant: 'acme' });
  t.equal(lab.site('x.shop.example'), undefined);
  await lab.remove(domainKind, 'shop', 'acme');
  await lab.settled(domainKind, 'mine', 'Serving', 'other');
  await lab.settled(domainKind, 'below', 'Serving', 'other');
  t.match(lab.site('shop.example'), { tenant: 'other' });
});

void t.test('two Domains of one tenant share a claim; the last one takes it along', async (t) => {
  const lab = await openLife(t, ['acme']);
  await lab.apply(domainKind, 'one', { hostname: 'one.example', aliases: ['both.example'] }, 'acme');
  await lab.settled(domainKind, 'one', 'Serving', 'acme');
  await lab.apply(domainKind, 'two', { hostname: 'two.example', aliases: ['both.example'] }, 'acme');
  const claimants = async (): Promise<number> =>
    ((await lab.get(hostnameClaimKind, 'both.example'))?.['spec'] as { claimants?: unknown[] } | undefined)?.claimants
      ?.length ?? 0;
  await eventually(async () => (await claimants()) === 2, 'two claimants');
  await lab.remove(domainKind, 'two', 'acme');
  await eventually(async () => (await claimants()) === 1, 'one claimant');
  await lab.remove(domainKind, 'one', 'acme');
  await lab.gone(hostnameClaimKind, 'both.example');
});

void t.test('64 Domains of two tenants that want one name have exactly one winner, and it stays', async (t) => {
  const lab = await openLife(t, ['acme', 'other']);
  const owners = Array.from({ length: 32 }, (_, index) => (index % 2 === 0 ? 'acme' : 'other'));
  await Promise.all(
    owners.map((owner, index) =>
      lab.apply(
        domainKind,
        `race${String(index)}`,
        { hostname: `r${String(index)}.example`, aliases: ['prize.example'] },
        owner,
      ),
    ),
  );
  const winner = await eventually(async () => {
    const claim = await lab.get(hostnameClaimKind, 'prize.example');
    return conditionOf(claim, 'Bound')?.['status'] === 'True'
      ? partOf<{ tenantRef: { name: string } }>(claim, 'spec').tenantRef.name
      : undefined;
  }, 'a winner');
  const loser = winner === 'acme' ? 'other' : 'acme';
  for (const [index, owner] of owners.entries()) {
    const reason = owner === loser ? 'HostnameTaken' : 'Serving';
    await lab.settled(domainKind, `race${String(index)}`, reason, owner).catch((err: unknown) => t.fail(String(err)));
  }
  t.match(lab.site('prize.example'), { tenant: winner });
});

void t.test(
  'a deleted Domain leaves its files; declared again it has them back; RetainedData deleted purges',
  async (t) => {
    const lab = await openLife(t, ['acme']);
    const place = '/srv/wcp360/tenants/acme/domains/shop';
    const { uid } = partOf<{ uid: number }>(await lab.get(tenantKind, 'acme'), 'status');
    await lab.apply(domainKind, 'shop', { hostname: 'shop.example' }, 'acme');
    await lab.settled(domainKind, 'shop', 'Serving', 'acme');
    lab.host.byHand(`${place}/public/index.html`, { type: 'file', content: 'mine', mode: 0o644, uid, gid: uid });
    const first = await lab.get(domainKind, 'shop', 'acme');
    await lab.remove(domainKind, 'shop', 'acme');
    await lab.gone(domainKind, 'shop', 'acme');
    t.equal(lab.host.tree.nodes.get(place), undefined);
    const keptName = `domain.acme.shop.${first?.metadata.uid ?? ''}.web1`;
    t.ok(await lab.get(retainedDataKind, keptName));
    await lab.apply(domainKind, 'shop', { hostname: 'shop.example' }, 'acme');
    await lab.settled(domainKind, 'shop', 'Serving', 'acme');
    t.equal(String(lab.host.tree.nodes.get(`${place}/public/index.html`)?.content), 'mine');
    await lab.gone(retainedDataKind, keptName);
    const second = await lab.get(domainKind, 'shop', 'acme');
    await lab.remove(domainKind, 'shop', 'acme');
    await lab.gone(domainKind, 'shop', 'acme');
    const again = `domain.acme.shop.${second?.metadata.uid ?? ''}.web1`;
    const { path } = partOf<{ path: string }>(await lab.get(retainedDataKind, again), 'spec');
    t.ok(lab.host.tree.nodes.get(`/srv/wcp360/${path}/public/index.html`));
    await lab.remove(retainedDataKind, again);
    await lab.gone(retainedDataKind, again);
    t.equal(lab.host.tree.nodes.get(`/srv/wcp360/${path}`), undefined);
  },
);

void t.test('a suspended tenant shows its notice everywhere, and resumes to where it was', async (t) => {
  const lab = await openLife(t, ['acme']);
  await lab.apply(domainKind, 'shop', { hostname: 'shop.example', php: {} }, 'acme');
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  const before = lab.site('shop.example');
  await lab.apply(tenantKind, 'acme', {
    suspensions: [{ by: 'invoices', reason: 'Billing', message: 'Invoice 42 is overdue.' }],
  });
  await lab.settled(domainKind, 'shop', 'Suspended', 'acme');
  t.match(lab.site('shop.example'), { serve: { type: 'suspended', message: 'Invoice 42 is overdue.' } });
  await lab.apply(tenantKind, 'acme', { suspensions: [] });
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  t.same(lab.site('shop.example'), before);
});

void t.test('a tenant does not escape its suspension by what a Domain says of drift', async (t) => {
  const lab = await openLife(t, ['acme']);
  const shop = { hostname: 'shop.example' };
  await lab.apply(domainKind, 'shop', shop, 'acme');
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
  await lab.apply(domainKind, 'shop', { ...shop, drift: 'Observe' }, 'acme');
  await lab.apply(tenantKind, 'acme', { suspensions: [{ by: 'invoices', reason: 'Billing', message: 'Overdue.' }] });
  await lab.settled(domainKind, 'shop', 'Suspended', 'acme');
  t.match(lab.site('shop.example'), { serve: { type: 'suspended', message: 'Overdue.' } });
  await lab.apply(tenantKind, 'acme', { suspensions: [] });
  await lab.apply(domainKind, 'shop', { ...shop, drift: 'Enforce' }, 'acme');
  await lab.settled(domainKind, 'shop', 'Serving', 'acme');
});

void t.test('a suspension holds whatever is wrong with what a tenant declares', async (t) => {
  const lab = await openLife(t, ['acme']);
  const type = resourceTypeOf(secretKind);
  const bring = async (name: string, stringData: Readonly<Record<string, string>>): Promise<unknown> =>
    await lab.client.apply(
      type,
      { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'acme' }, stringData } as KubeObject,
      { fieldManager: 'acme', force: true },
    );
  const authority = await createLabAuthority();
  const names = ['a.tls.example', 'tls.example'];
  const good = await authority.site(names);
  await bring('pair', { ...good });
  for (const name of ['staff', 'keys']) await bring(name, { auth: 'a:b' });
  const domains = {
    tls: { hostname: 'tls.example', aliases: ['a.tls.example'], tls: { secretRef: { name: 'pair' } }, php: {} },
    auth: { hostname: 'auth.example', access: { basicAuth: { secretRef: { name: 'staff' } } }, php: {} },
    env: { hostname: 'env.example', php: { envFrom: [{ secretRef: { name: 'keys' } }] } },
  };
  for (const [name, spec] of Object.entries(domains)) await lab.apply(domainKind, name, spec, 'acme');
  for (const name of Object.keys(domains)) await lab.settled(domainKind, name, 'Serving', 'acme');
  const pools = (): readonly string[] =>
    [...lab.host.tree.nodes.keys()].filter((path) => /\/run\/pools\/.+[.]json$/.test(path));
  t.equal(pools().length, 3);
  await bring('pair', { ...good, 'tls.key': (await authority.site(names))['tls.key'] });
  await lab.settled(domainKind, 'tls', 'CertificateInvalid', 'acme');
  for (const name of ['staff', 'keys']) await lab.client.delete(type, { namespace: 'acme', name });
  for (const name of ['auth', 'env']) await lab.settled(domainKind, name, 'SecretNotFound', 'acme');
  const notice = { type: 'suspended', message: 'Overdue.' };
  const served = new Map(names.map((name) => [name, lab.site(name)?.['tls']]));
  await lab.apply(tenantKind, 'acme', { suspensions: [{ by: 'abuse', reason: 'Abuse', message: notice.message }] });
  const all = [...names, 'auth.example', 'env.example'];
  const types = (): readonly unknown[] => all.map((name) => required(lab.site(name), name)['serve']);
  await eventually(
    () => types().every((serve) => isEqual(serve, notice)) && pools().length === 0,
    'the suspension of all',
  ).catch((err: unknown) => {
    throw new Error(`${String(err)}: ${JSON.stringify([all, types(), pools()])}`);
  });
  for (const name of names) t.same(lab.site(name)?.['tls'], served.get(name), 'with the certificate that it had');
  await lab.settled(domainKind, 'tls', 'CertificateInvalid', 'acme');
  for (const name of ['auth', 'env']) await lab.settled(domainKind, name, 'Suspended', 'acme');
  for (const name of Object.keys(domains))
    t.match(conditionOf(await lab.get(domainKind, name, 'acme'), 'Suspended'), { status: 'True' }, name);
});

void t.test('a Domain that can not be served says why, and others go on', async (t) => {
  const lab = await openLife(t, ['acme']);
  await lab.apply(domainKind, 'good', { hostname: 'good.example' }, 'acme');
  await lab.apply(domainKind, 'php', { hostname: 'php.example', php: { version: '5.9' } }, 'acme');
  await lab.apply(domainKind, 'proxy', { hostname: 'proxy.example', proxy: { url: 'http://169.254.169.254' } }, 'acme');
  await lab.apply(domainKind, 'socket', { hostname: 'socket.example', proxy: { socket: 'run/app.sock' } }, 'acme');
  await lab.apply(domainKind, 'root', { hostname: 'root.example', static: { root: 'dist' } }, 'acme');
  await lab.apply(
    domainKind,
    'secret',
    { hostname: 'secret.example', access: { basicAuth: { secretRef: { name: 'staff' } } } },
    'acme',
  );
  await lab.apply(domainKind, 'suffix', { hostname: 'co.uk' }, 'acme');
  await lab.settled(domainKind, 'good', 'Serving', 'acme');
  await lab.settled(domainKind, 'php', 'PhpVersionNotInstalled', 'acme');
  await lab.settled(domainKind, 'proxy', 'ProxyTargetNotAllowed', 'acme');
  await lab.settled(domainKind, 'socket', 'ProxyTargetRefused', 'acme');
  await lab.settled(domainKind, 'root', 'DocumentRootMissing', 'acme');
  await lab.settled(domainKind, 'secret', 'SecretNotFound', 'acme');
  await lab.settled(domainKind, 'suffix', 'PublicSuffix', 'acme');
  t.match(lab.site('proxy.example'), { serve: { type: 'unavailable' } });
  t.equal(lab.site('secret.example'), undefined);
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'staff', namespace: 'acme' },
    stringData: { auth: 'a:b' },
  };
  await lab.client.create(resourceTypeOf(secretKind), secret);
  await lab.settled(domainKind, 'secret', 'Serving', 'acme');
  t.match(lab.site('secret.example'), { access: { basicAuth: { realm: 'Restricted' } } });
});

void t.test(
  'a deleted tenant takes everything with it but what is kept; its number stays until that is purged',
  async (t) => {
    const lab = await openLife(t, ['acme']);
    const { uid } = partOf<{ uid: number }>(await lab.get(tenantKind, 'acme'), 'status');
    await lab.apply(domainKind, 'shop', { hostname: 'shop.example' }, 'acme');
    const shop = await lab.settled(domainKind, 'shop', 'Serving', 'acme');
    await lab.remove(tenantKind, 'acme');
    await lab.gone(tenantKind, 'acme');
    await lab.gone(namespaceKind, 'acme');
    await lab.gone(hostnameClaimKind, 'shop.example');
    t.equal(lab.host.tree.nodes.get('/srv/wcp360/tenants/acme'), undefined);
    t.equal(lab.site('shop.example'), undefined);
    t.ok(await lab.get(uidClaimKind, String(uid)), 'the number is kept with the files');
    await lab.remove(retainedDataKind, `domain.acme.shop.${shop.metadata.uid ?? ''}.web1`);
    await lab.gone(uidClaimKind, String(uid));
  },
);
