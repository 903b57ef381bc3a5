import t from 'tap';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { retainedDataKind } from '#schemas/v1alpha1/retained-data.ts';
import { leaseKind } from '#schemas/meta/builtin.ts';
import { hostLeaseOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { openHostMachine, type HostMachine } from '#test/lab/host-machine.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import {
  aDomain,
  declare,
  declareStaticSite,
  declareTenant,
  domainType,
  hostType,
  secretType,
  tenantType,
} from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

// Several hosts on one API server: each a machine of its own, with a network of its own, whose agent dials out.

const apiVersion = 'hosting.wcp360.io/v1alpha1';
const hosts = ['web1', 'web2', 'web3'];
const tenants = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `tenant-${letter}`);
/** Longer than an agent may be silent. */
const patienceMs = 90_000;

const keptType = resourceTypeOf(retainedDataKind);
const leaseType = resourceTypeOf(leaseKind);
const merge = (body: object) => ({ type: 'merge', body }) as const;

const instance = await startInstance();
const machines = new Map<string, HostMachine>();
t.teardown(async () => {
  for (const machine of machines.values()) await machine.destroy();
  await instance.stop();
});
const client = await instance.client();

async function join(name: string, nodeFlags: readonly string[] = []): Promise<HostMachine> {
  await declare(client, hostType, { apiVersion, kind: 'Host', metadata: { name }, spec: {} } as KubeObject);
  const machine = await openHostMachine(instance, client, name);
  machines.set(name, machine);
  machine.start({ nodeFlags });
  return machine;
}

const machineOf = (name: string): HostMachine => {
  const machine = machines.get(name);
  if (machine === undefined) throw new Error(`there is no machine ${name}`);
  return machine;
};

async function hostSays(name: string, reason: string): Promise<void> {
  const isSaid = async () => conditionOf(await client.get(hostType, { name }), 'Ready')?.['reason'] === reason;
  await until(isSaid, `host ${name} to say ${reason}`, patienceMs);
}

async function placeOf(tenant: string): Promise<string> {
  const { status } = ((await client.get(tenantType, { name: tenant })) ?? {}) as {
    readonly status?: { readonly host?: string };
  };
  return status?.host ?? '';
}

const siteOf = (tenant: string): string => `site.${tenant}.test`;

async function isServedBy(machine: HostMachine, hostname: string, page: string): Promise<boolean> {
  const { status, body } = await machine.http(hostname);
  return status === 200 && body === page;
}

await t.test('hosts join wherever their clocks are, and tenants are spread over them', async (t) => {
  // Of those that take tenants, all are alike.
  t.match(await instance.wcpctl(['host', 'cordon', 'local']), { exitCode: 0 });
  const shifted = ['--import', new URL('../lab/machine/one-hour-ahead.ts', import.meta.url).href];
  for (const name of hosts) await join(name, name === 'web3' ? shifted : []);
  for (const name of hosts) await hostSays(name, 'Serving');
  const lease = await client.get(resourceTypeOf(leaseKind), { namespace: SYSTEM_NAMESPACE, name: hostLeaseOf('web3') });
  const { renewTime = '' } = (lease?.['spec'] ?? {}) as { readonly renewTime?: string };
  t.ok(Date.parse(renewTime) > Date.now() + 3_000_000, 'the control: web3 is an hour ahead');
  for (const tenant of tenants) {
    await declareTenant(client, tenant);
    const machine = machineOf(await placeOf(tenant));
    await declareStaticSite(machine, client, { domain: aDomain(tenant, 'site'), page: `of ${tenant}` });
  }
  const places = await Promise.all(tenants.map(placeOf));
  t.same(places.toSorted(), ['web1', 'web1', 'web2', 'web2', 'web3', 'web3']);
});

await t.test('a site is served by its own host and by no other', async (t) => {
  for (const tenant of tenants) {
    const place = await placeOf(tenant);
    for (const machine of machines.values()) {
      t.equal(
        await isServedBy(machine, siteOf(tenant), `of ${tenant}`),
        machine.name === place,
        `${tenant} on ${machine.name}`,
      );
    }
  }
});

await t.test('an agent may read hosting objects, write what is its own, and nothing else', async (t) => {
  const [own = '', other = ''] = await tenantsOf('web1', 'web2');
  const agent = createClient({ ...(await loadKubeconfig({ path: machineOf('web1').kubeconfig })), userAgent: 'lab' });
  t.teardown(async () => await agent.close());
  const ofHosts = ['challenges', 'databases', 'databaseusers', 'domains', 'zones'];
  const everywhere = [
    ...[...ofHosts, 'databaseservers', 'dnsrecords', 'hosts', 'planrequests', 'retaineddata', 'tenants'].flatMap(
      (kind) => [`list ${kind}`, `watch ${kind}`],
    ),
    ...['get hosts web1', 'patch hosts/status web1'],
    'create hosts/attach web1',
    // Its certificate is renewed that way.
    ...['create', 'get'].map((verb) => `${verb} certificatesigningrequests`),
    ...(await tenantsOn('web1')).flatMap((tenant) => [`patch tenants ${tenant}`, `patch tenants/status ${tenant}`]),
  ];
  const events = ['create events', 'patch events'];
  const inNamespace = {
    [own]: [
      ...ofHosts.map((kind) => `patch ${kind}`),
      ...[...ofHosts, 'dnsrecords', 'planrequests'].map((kind) => `patch ${kind}/status`),
      ...events,
    ],
    [other]: [],
    [SYSTEM_NAMESPACE]: [
      'patch planrequests/status',
      'get namespaces',
      'get leases host-web1',
      'update leases host-web1',
    ],
    default: events,
    'kube-system': [],
  };
  for (const [namespace, more] of Object.entries(inNamespace)) {
    t.same(await rightsIn(agent, namespace), [...everywhere, ...more].toSorted(), `in ${namespace}`);
  }
  for (const [what, attempt] of Object.entries(attempts(agent, { own, other }))) {
    const refusal = await attempt().then(
      () => undefined,
      (err: unknown) => err,
    );
    t.match(refusal, { status: 403 }, what);
  }
  await agent.patch(tenantType, { name: own }, merge({ metadata: { annotations: { x: 'y' } } }));
  t.pass('the control: its own tenant it may write');
});

async function tenantsOn(host: string): Promise<readonly string[]> {
  const places = await Promise.all(tenants.map(placeOf));
  return tenants.filter((_, index) => places[index] === host);
}

/** One tenant of each host. */
async function tenantsOf(...names: readonly string[]): Promise<readonly (string | undefined)[]> {
  return await Promise.all(names.map(async (name) => (await tenantsOn(name))[0]));
}

interface RulesReview {
  readonly status: {
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
      readonly resourceNames?: readonly string[];
    }[];
  };
}

/** `verb resource name` for everything that the server says a client may do in a namespace, but what it lets everybody ask about themselves. */
async function rightsIn(of: Client, namespace: string): Promise<readonly string[]> {
  const body = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace },
  });
  const headers = { 'content-type': 'application/json' };
  const answer = await of.raw('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { headers, body });
  const { status } = JSON.parse(answer.body) as RulesReview;
  const rights = status.resourceRules
    .filter(({ apiGroups = [] }) => !apiGroups.some((group) => group.startsWith('auth')))
    .flatMap(({ verbs, resources = [], resourceNames = [''] }) =>
      resources.flatMap((resource) =>
        resourceNames.flatMap((name) => verbs.map((verb) => `${verb} ${resource} ${name}`.trim())),
      ),
    );
  return [...new Set(rights)].toSorted();
}

function attempts(
  agent: Client,
  { own, other }: { readonly own: string; readonly other: string },
): Readonly<Record<string, () => Promise<unknown>>> {
  const status = { subresource: 'status' } as const;
  const stolen = merge({ status: { host: 'web1' } });
  const objectRef = { kind: 'Domain', namespace: other, name: 'site' };
  const kept = { objectRef, tenantRef: { name: other }, host: 'web2', path: 'kept/x', userId: 20_000 };
  const forged = { apiVersion, kind: 'RetainedData', metadata: { name: 'forged' }, spec: kept } as KubeObject;
  const closed = merge({ spec: { unschedulable: true } });
  const system = (name: string) => ({ namespace: SYSTEM_NAMESPACE, name });
  return {
    'it takes another’s tenant': () => agent.patch(tenantType, { name: other }, stolen, status),
    'it takes another’s site': () => agent.patch(domainType, { namespace: other, name: 'site' }, stolen, status),
    'it changes another’s tenant': () => agent.patch(tenantType, { name: other }, merge({ spec: {} })),
    'it speaks for another host': () => agent.patch(hostType, { name: 'web2' }, stolen, status),
    'it changes what people decide about its host': () => agent.patch(hostType, { name: 'web1' }, closed),
    'it makes kept data of another host, so as to have it purged': () => agent.create(keptType, forged),
    'it reads Secrets of its tenant that no site names': () => agent.get(secretType, { namespace: own, name: 'any' }),
    'it reads Secrets of others': () => agent.list(secretType, { namespace: other }),
    'it reads Secrets of the system': () => agent.get(secretType, system('any')),
    'it renews the Lease of another': () => agent.get(leaseType, system(hostLeaseOf('web2'))),
    'it makes a site': () => agent.create(domainType, aDomain(own, 'made')),
  };
}

await t.test('a second machine that claims a name says so, and does nothing', async (t) => {
  const second = await openHostMachine(instance, client, 'web1');
  t.teardown(async () => await second.destroy());
  second.start();
  await until(async () => /another machine holds this name/.test(second.log()), 'the second to say so');
  await t.rejects(
    second
      .http(siteOf((await tenantsOn('web1'))[0] ?? ''))
      .then(({ status }) => status === 200 || Promise.reject(new Error('404'))),
  );
  await hostSays('web1', 'Serving');
});

await t.test(
  'an agent that is cut off, paused or killed is silent, its sites are served on, and it catches up',
  async (t) => {
    const [cut = '', paused = '', killed = ''] = await tenantsOf(...hosts);
    machineOf('web1').cutOff();
    machineOf('web2').kill('SIGSTOP');
    machineOf('web3').kill('SIGKILL');
    await declare(client, domainType, aDomain(cut, 'later', { redirect: { to: 'https://later.example' } }));
    await Promise.all(hosts.map(async (name) => await hostSays(name, 'AgentSilent')));
    for (const tenant of tenants)
      t.ok(await isServedBy(machineOf(await placeOf(tenant)), siteOf(tenant), `of ${tenant}`), tenant);
    const isSilent = async (): Promise<boolean> =>
      conditionOf(await client.get(tenantType, { name: paused }), 'Placed')?.['reason'] === 'HostSilent';
    await until(isSilent, 'the tenant to say that its host is silent', patienceMs);
    const placed = conditionOf(await client.get(tenantType, { name: paused }), 'Placed');
    t.match(placed, { status: 'Unknown', reason: 'HostSilent' });
    await declare(client, tenantType, {
      apiVersion,
      kind: 'Tenant',
      metadata: { name: 'late' },
      spec: { packageRef: { name: cut } },
    } as KubeObject);
    const isUnplaced = async () =>
      conditionOf(await client.get(tenantType, { name: 'late' }), 'Placed')?.['reason'] === 'NoHost';
    await until(isUnplaced, 'nobody to take a tenant');
    machineOf('web1').reconnect();
    machineOf('web2').kill('SIGCONT');
    machineOf('web3').start();
    for (const name of hosts) await hostSays(name, 'Serving');
    const redirects = async () => (await machineOf('web1').http(`later.${cut}.test`)).status === 301;
    await until(redirects, 'what was declared meanwhile to be served', patienceMs);
    const isReady = async () =>
      conditionOf(await client.get(tenantType, { name: 'late' }), 'Ready')?.['status'] === 'True';
    await until(isReady, 'the tenant that came meanwhile to have a host', patienceMs);
    for (const tenant of [cut, paused, killed])
      t.ok(await isServedBy(machineOf(await placeOf(tenant)), siteOf(tenant), `of ${tenant}`), tenant);
  },
);

await t.test('tenants of a host that is lost are served elsewhere, and nothing is deleted', async (t) => {
  const stranded = await tenantsOn('web2');
  const uids = async () =>
    await Promise.all(
      stranded.map(async (name) => (await client.get(domainType, { namespace: name, name: 'site' }))?.metadata.uid),
    );
  const before = await uids();
  await machineOf('web2').destroy();
  machines.delete('web2');
  const asked = await instance.wcpctl(['host', 'lost', 'web2']);
  t.match(
    [asked.exitCode, asked.stderr],
    [1, /[23] tenants are on web2 .*--yes/s],
    'nobody gives up a host by mistake',
  );
  t.match(await instance.wcpctl(['host', 'lost', 'web2', '--yes']), { exitCode: 0 });
  for (const tenant of stranded) {
    await until(async () => ['web1', 'web3'].includes(await placeOf(tenant)), `${tenant} to be elsewhere`, patienceMs);
    const isServed = async () => (await machineOf(await placeOf(tenant)).http(siteOf(tenant))).status === 200;
    await until(isServed, `${tenant} to be served there`, patienceMs);
  }
  t.same(await uids(), before);
  await client.delete(hostType, { name: 'web2' });
  await until(async () => (await client.get(hostType, { name: 'web2' })) === undefined, 'the host to go');
});
