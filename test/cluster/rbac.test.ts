import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import {
  certificateKind,
  databaseKind,
  databaseServerKind,
  databaseUserKind,
  dnsRecordKind,
  issuerKind,
  kinds,
  planRequestKind,
  retainedDataKind,
  uidClaimKind,
  zoneKind,
  type Certificate,
  type DNSRecord,
} from '#schemas/index.ts';
import { secretsNamespaceOf } from '#controllers/host-secrets.ts';
import { roleBindingKind } from '#schemas/meta/builtin.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE, systemUserOf } from '#schemas/meta/names.ts';
import { STREAMS } from '#schemas/meta/streams.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { startAuthorizer, type Asked, type LabAuthorizer } from '#test/lab/authorizer.ts';
import { allows, grantsOf, textOf, withoutRight, type Grant, type Right } from '#test/lab/grants.ts';
import { killProcess } from '#test/lab/kill.ts';
import { conditionOf } from '#test/lab/widgets.ts';
import { startInstance, until, type LabInstance } from '#test/lab/instance.ts';
import { joinCommand, openMachine } from '#test/lab/joining.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import {
  aDomain,
  declare,
  declareSite,
  declareTenant,
  domainType,
  hostType,
  packageType,
  secretType,
  tenantType,
} from '#test/lab/tenants.ts';
import { declareSource, sourceSays, sourceType } from '#test/lab/sources.ts';
import { patienceMs } from '#test/lab/patience.ts';

// Least privilege, by both halves: whatever a program is refused shows in what it does, and whatever it may do it is seen to need.

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;
const tenant = 'acme';
const apiVersion = 'hosting.wcp360.io/v1alpha1';
const keptType = resourceTypeOf(retainedDataKind);
const zoneType = resourceTypeOf(zoneKind);
const recordType = resourceTypeOf(dnsRecordKind);
const requestType = resourceTypeOf(planRequestKind);
const uidType = resourceTypeOf(uidClaimKind);
const bindingType = resourceTypeOf(roleBindingKind);
const eventType: ResourceType = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
const issuerType = resourceTypeOf(issuerKind);
const certificateType = resourceTypeOf(certificateKind);
const apiServiceType: ResourceType = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  resource: 'apiservices',
  kind: 'APIService',
  namespaced: false,
};
const staff: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'staff', namespace: tenant },
  data: { auth: btoa('a:b') },
};
/** Closes a site to all whom the Secret does not name. */
const access = { basicAuth: { realm: 'Staff', secretRef: { name: 'staff' } } };

interface Lab {
  readonly authorizer: LabAuthorizer;
  readonly instance: LabInstance;
  readonly client: Client;
}

/** Controller and agent as they really run, with their own accounts, on a Kubernetes whose every question of authorisation is noted. */
async function startLab(t: Test): Promise<Lab> {
  const authorizer = await startAuthorizer();
  // Not every Kubernetes streams the objects that are there to whoever begins to watch: caches are filled by `list` then.
  const kubernetes = await startKubernetes({
    flags: { ...authorizer.flags, 'feature-gates': 'WatchList=false' },
    kinds,
  });
  const instance = await startInstance({ kubernetes, https: true });
  t.teardown(async () => {
    await instance.stop();
    await authorizer.stop();
  });
  return { authorizer, instance, client: await instance.client() };
}

/** A further machine joins, and gets its next certificate. */
async function joinMachine(t: Test, { instance, client }: Lab): Promise<void> {
  const machine = await openMachine(instance);
  t.teardown(() => machine.close());
  const command = await joinCommand(instance, 'web2');
  const { exitCode, stderr } = await machine.join(command, ['--certificate-seconds', '600']);
  if (exitCode !== 0) throw new Error(stderr);
  const first = await machine.certificate();
  await machine.startAgent('web2', ['--certificate-seconds', '600', '--certificate-renewal-ratio', '0.001']);
  await until(async () => (await machine.certificate()) !== first, 'the next certificate');
  await client.patch(hostType, { name: 'web2' }, { type: 'merge', body: { spec: { unschedulable: true } } });
}

/** Everything that leader and agent ever do for a tenant. */
async function wholeLife(lab: Lab): Promise<void> {
  const { client, instance } = lab;
  await declareTenant(client, tenant, { limits: { domains: 10 } });
  await client.create(secretType, staff);
  await declareSite(client, aDomain(tenant, 'shop', { access }));
  await declareSite(client, aDomain(tenant, 'shop'));
  await declareSite(client, aDomain(tenant, 'app', { php: {} }));
  await certify(client);
  await askForPlans(lab);
  await useStreams(lab);
  await answerNames(lab);
  await useDatabase(lab);
  await disturb(lab);
  await deleteDomain(client, 'shop');
  await declareSite(client, aDomain(tenant, 'shop'));
  await until(async () => (await client.list(keptType)).items.length === 0, 'the files to be back');
  await deleteDomain(client, 'shop');
  await readSources(client);
  await comeAndGo(client);
  await moveThereAndBack(lab);
  await purge(client);
  await instance.wcpctl(['tenant', 'suspend', tenant, '--reason', 'Billing']);
  // Nothing is counted any more, so the quota goes.
  await declare(client, packageType, {
    apiVersion,
    kind: 'Package',
    metadata: { name: tenant },
    spec: { limits: { memory: '1Gi' } },
  });
  await until(
    async () => !limitsOf(await client.get(tenantType, { name: tenant })).includes('domains'),
    'the limit to go',
  );
  await deleteDomain(client, 'app');
  await client.delete(tenantType, { name: tenant });
  await until(
    async () => (await client.get(tenantType, { name: tenant })) === undefined,
    'the tenant to go',
    patienceMs,
  );
  // The last that carries its user id goes with what is kept.
  await purge(client);
  await until(async () => (await client.list(uidType)).items.length === 0, 'its user id to be free');
}

/** An issuer of the tenant's own, and a certificate anew: each Domain has had its first one from the CA of the instance. */
async function certify(client: Client): Promise<void> {
  const issuer = { apiVersion, kind: 'Issuer', metadata: { name: 'own', namespace: tenant }, spec: { selfSigned: {} } };
  await client.create(issuerType, issuer);
  const own = { namespace: tenant, name: 'own' };
  await until(
    async () => conditionOf(await client.get(issuerType, own), 'Ready')?.['status'] === 'True',
    'the issuer',
    patienceMs,
  );
  await client.delete(issuerType, own);
  const key = { namespace: tenant, name: 'app' };
  const serial = async (): Promise<string | undefined> => {
    const { status } = (await client.get<Certificate>(certificateType, key)) ?? {};
    return status?.serialNumber;
  };
  const first = await serial();
  const body = { metadata: { annotations: { [ANNOTATIONS.renew]: 'now' } } };
  await client.patch(certificateType, key, { type: 'merge', body });
  await until(async () => (await serial()) !== first, 'the next certificate', patienceMs);
}

function limitsOf(object: KubeObject | undefined): readonly string[] {
  const { effective } = (object?.['status'] ?? {}) as { readonly effective?: { readonly limits?: object } };
  return Object.keys(effective?.limits ?? {});
}

async function deleteDomain(client: Client, name: string): Promise<void> {
  await client.delete(domainType, { namespace: tenant, name });
  await until(async () => (await client.get(domainType, { namespace: tenant, name })) === undefined, `${name} to go`);
}

async function purge(client: Client): Promise<void> {
  for (const { metadata } of (await client.list(keptType)).items)
    await client.delete(keptType, { name: metadata.name });
  await until(async () => (await client.list(keptType)).items.length === 0, 'what is kept to go');
}

/** Of a Domain and of a Tenant, by people; and one request that nobody takes back. */
async function askForPlans({ client, instance }: Lab): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-rbac-'));
  const spec = { packageRef: { name: tenant }, limits: { domains: 5 } };
  const changed = [
    aDomain(tenant, 'shop', { aliases: ['other.acme.test'] }),
    { apiVersion, kind: 'Tenant', metadata: { name: tenant }, spec },
  ];
  for (const object of changed) {
    const path = join(directory, 'changed.yaml');
    await writeFile(path, JSON.stringify(object));
    const { exitCode, stderr } = await instance.wcpctl(['diff', '-f', path]);
    if (exitCode !== 1) throw new Error(`wcpctl diff: ${stderr}`);
  }
  await rm(directory, { recursive: true });
  const key = { namespace: tenant, name: 'left' };
  const object = await client.get(domainType, { namespace: tenant, name: 'app' });
  await client.create(requestType, {
    apiVersion,
    kind: 'PlanRequest',
    metadata: key,
    spec: { timeToLive: '1s', object },
  } as KubeObject);
  await until(async () => (await client.get(requestType, key)) === undefined, 'the request to expire');
}

/** Somebody reads a log; then the only replica of the gateway stops in order, and another one comes. */
async function useStreams({ client, instance }: Lab): Promise<void> {
  const logs = async (): Promise<boolean> => (await instance.wcpctl(['logs', '-n', tenant, 'app'])).exitCode === 0;
  await until(logs, 'a log', patienceMs);
  const name = `${STREAMS.version}.${STREAMS.group}`;
  const uid = async (): Promise<string | undefined> => (await client.get(apiServiceType, { name }))?.metadata.uid;
  const before = await uid();
  killProcess((await instance.services()).get('controller')?.pid, 'SIGTERM');
  await until(async () => ![undefined, before].includes(await uid()), 'the gateway to be announced anew', patienceMs);
}

/** A directory, as either of the accounts that Sources may act as everywhere; the second may do nothing. */
async function readSources(client: Client): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-rbac-'));
  await chmod(directory, 0o755);
  await writeFile(join(directory, 'site.yaml'), JSON.stringify(aDomain(tenant, 'declared', { tls: { mode: 'Off' } })), {
    mode: 0o644,
  });
  for (const [serviceAccountName, reason] of [
    ['source', 'Applied'],
    ['default', 'ManifestsInvalid'],
  ] as const) {
    const name = `as-${serviceAccountName}`;
    await declareSource(client, { name }, { directory: { path: directory }, serviceAccountName, prune: false });
    await sourceSays(client, { name }, { reason });
    const key = { namespace: SYSTEM_NAMESPACE, name };
    await client.delete(sourceType, key);
    await until(async () => (await client.get(sourceType, key)) === undefined, `${name} to go`);
  }
  await deleteDomain(client, 'declared');
  await rm(directory, { recursive: true });
}

/** A host that nobody joins. */
async function comeAndGo(client: Client): Promise<void> {
  const key = { name: 'brief' };
  await client.create(hostType, { apiVersion, kind: 'Host', metadata: key, spec: {} } as KubeObject);
  await until(async () => (await client.get(hostType, key))?.['status'], 'the host to be judged');
  await client.delete(hostType, key);
  await until(async () => (await client.get(hostType, key)) === undefined, 'the host to go');
}

/** The agents of both hosts: what comes to them, and what leaves them. */
async function moveThereAndBack({ client, instance }: Lab): Promise<void> {
  const schedule = async (unschedulable: boolean): Promise<unknown> =>
    await client.patch(hostType, { name: 'web2' }, { type: 'merge', body: { spec: { unschedulable } } });
  await schedule(false);
  const moveTo = async (host: string): Promise<void> => {
    const { exitCode, stdout, stderr } = await instance.wcpctl(['tenant', 'move', tenant, host, '--timeout', '60s']);
    if (exitCode !== 0) throw new Error(`wcpctl tenant move: ${stdout}${stderr}`);
  };
  await moveTo('web2');
  const touch = ['exec', '-n', tenant, 'app', '--', 'touch', 'public/new'];
  await until(async () => (await instance.wcpctl(touch)).exitCode === 0, 'something to be there to copy');
  await moveTo('local');
  await schedule(true);
}

/** By hand, twice the same: what is put right is told as an event, and the second time as the same event. */
async function disturb({ client, instance }: Lab): Promise<void> {
  const record = join(instance.directory, 'front/sites/shop.acme.test');
  const key = { namespace: tenant, name: 'wcp360-owners' };
  const uid = async (): Promise<string | undefined> => (await client.get(bindingType, key))?.metadata.uid;
  const directory = join(instance.directory, 'tenants', tenant, 'tmp');
  for (const requestedAt of ['once', 'twice']) {
    await rm(record);
    await until(async () => await stat(record), 'the record to be back');
    await rm(directory, { recursive: true });
    const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: requestedAt } } };
    await client.patch(tenantType, { name: tenant }, { type: 'merge', body });
    await until(async () => await stat(directory), 'the directory to be back');
    const before = await uid();
    await client.delete(bindingType, key);
    await until(async () => ![undefined, before].includes(await uid()), 'the binding to be back');
  }
  const isRepeated = async (about: string): Promise<boolean> => {
    const events = (await client.list(eventType)).items as readonly (KubeObject & EventFields)[];
    return events.some(({ message, count = 0 }) => message?.includes(about) === true && count > 1);
  };
  await until(async () => await isRepeated('shop.acme.test'), 'the agent to tell');
  await until(async () => await isRepeated(`tenants/${tenant}/tmp`), 'the agent to tell of the tenant');
  await until(async () => await isRepeated(key.name), 'the leader to tell');
}

/** A Zone that follows from Domains, answered, changed and gone with its key. */
async function answerNames({ client }: Lab): Promise<void> {
  const key = { namespace: tenant, name: 'acme.test' };
  const reachedUnder = async (...addresses: readonly string[]): Promise<unknown> =>
    await client.patch(
      hostType,
      { name: 'local' },
      { type: 'merge', body: { spec: { addresses: addresses.map((address) => ({ type: 'Public', address })) } } },
    );
  const isAnswered = async (address: string): Promise<boolean> => {
    const { items } = await client.list<DNSRecord>(recordType, { namespace: tenant });
    const records = items.filter(({ spec }) => spec.values.includes(address));
    return records.length > 0 && records.every(({ status }) => isTrue(status?.conditions, 'Ready'));
  };
  await reachedUnder('192.0.2.1');
  await until(async () => await isAnswered('192.0.2.1'), 'the names to be answered');
  await reachedUnder('192.0.2.2');
  await until(async () => await isAnswered('192.0.2.2'), 'the names to be answered anew');
  await reachedUnder();
  await until(async () => (await client.list(recordType, { namespace: tenant })).items.length === 0, 'them to go');
  await client.patch(zoneType, key, { type: 'merge', body: { spec: { deletionPolicy: 'Delete' } } });
  await client.delete(zoneType, key);
  await until(async () => (await client.get(zoneType, key)) === undefined, 'the zone to go');
}

/** A Database and who uses it, for as long as it takes until they can be used. */
async function useDatabase({ client }: Lab): Promise<void> {
  const serverType = resourceTypeOf(databaseServerKind);
  const server = { apiVersion, kind: 'DatabaseServer', metadata: { name: 'own' } };
  await declare(client, serverType, { ...server, spec: { engine: 'MariaDB', managed: {} } });
  const made = [
    [databaseKind, { engine: 'MariaDB', serverRef: { name: 'own' }, retainFor: '0s' }],
    [databaseUserKind, { databases: [{ name: 'shop' }], secretName: 'shop-db' }],
  ] as const;
  const key = { namespace: tenant, name: 'shop' };
  for (const [kind, spec] of made) {
    const object = { apiVersion, kind: kind.kind, metadata: key, spec };
    await declare(client, resourceTypeOf(kind), object);
  }
  for (const [kind] of made) {
    const isReady = async (): Promise<boolean> =>
      conditionOf(await client.get(resourceTypeOf(kind), key), 'Ready')?.['status'] === 'True';
    await until(isReady, `${kind.kind} shop to be Ready`, patienceMs);
  }
  for (const [kind] of made.toReversed()) {
    await client.delete(resourceTypeOf(kind), key);
    await until(async () => (await client.get(resourceTypeOf(kind), key)) === undefined, `${kind.kind} shop to go`);
  }
  await client.delete(serverType, { name: 'own' });
  await until(async () => (await client.get(serverType, { name: 'own' })) === undefined, 'the DatabaseServer to go');
}

interface EventFields {
  readonly message?: string;
  readonly count?: number;
}

/** Asks for certificates with the rights that every agent has: the one of this instance has a token, and no need to. */
const joined = 'agent-web2';

const ofSecrets = { namespace: tenant, group: '', resource: 'secrets', verb: 'get' } as const;

/** Who asks, and what the roles of manifests/ give them in this life. */
function grantsByAccount(): Readonly<Record<string, readonly Grant[]>> {
  return {
    join: grantsOf({ kind: 'ClusterRole', name: 'wcp360-join' }, ''),
    controller: [
      ...grantsOf({ kind: 'ClusterRole', name: 'wcp360-controller' }, ''),
      ...grantsOf({ kind: 'Role', name: 'wcp360-controller' }, SYSTEM_NAMESPACE),
      ...grantsOf({ kind: 'Role', name: 'wcp360-controller' }, 'kube-system'),
    ],
    'agent-local': [
      ...grantsOf({ kind: 'ClusterRole', name: 'wcp360-agent' }, ''),
      ...grantsOf({ kind: 'Role', name: 'wcp360-agent' }, SYSTEM_NAMESPACE),
      ...grantsOf({ kind: 'Role', name: 'wcp360-agent' }, 'default'),
      ...grantsOf({ kind: 'ClusterRole', name: 'wcp360-agent-tenant' }, tenant),
      ...grantsOf({ kind: 'ClusterRole', name: 'wcp360-agent-arrival' }, tenant),
      ...grantsOfHost(),
      // What the leader gives the agent with a Domain that names a Secret.
      ...['staff', 'shop-tls', 'app-tls'].map((name) => ({
        ...ofSecrets,
        role: `wcp360-domain-${name === 'app-tls' ? 'app' : 'shop'}`,
        name,
      })),
      // And with a Zone.
      { ...ofSecrets, role: 'wcp360-zone-acme.test', name: 'acme.test-dnssec-1' },
    ],
  };
}

/** What the leader gives the agent of a host, by the names that it is about; those of kept data are different each time. */
function grantsOfHost(): readonly Grant[] {
  const role = 'wcp360-host:local';
  const lease = {
    role,
    namespace: SYSTEM_NAMESPACE,
    group: 'coordination.k8s.io',
    resource: 'leases',
    name: 'host-local',
  };
  const right = (resource: string, verb: string, name = ''): Grant => {
    return { role, namespace: '', group: groups.ours, resource, verb, name };
  };
  return [
    { ...lease, verb: 'get' },
    { ...lease, verb: 'update' },
    // The passwords of DatabaseUsers among them.
    { ...ofSecrets, namespace: secretsNamespaceOf('local'), role: 'wcp360-agent', name: '' },
    right('hosts', 'get', 'local'),
    right('hosts/status', 'patch', 'local'),
    right('tenants', 'patch', tenant),
    right('tenants/status', 'patch', tenant),
    ...['patch', 'delete'].map((verb) => right('retaineddata', verb)),
    right('retaineddata/status', 'patch'),
    { ...right('hosts/attach', 'create', 'local'), group: STREAMS.group },
  ];
}

/** What a server asks first, to let an administrator off the comparison of rights that comes then. */
function isShortCut({ verb, resource }: Asked): boolean {
  return verb === 'escalate' || verb === 'bind' || resource === '*/finalizers';
}

void t.test(
  'programs use every right that they have, and are refused nothing that they ask for',
  { skip },
  async (t) => {
    const lab = await startLab(t);
    await joinMachine(t, lab);
    await wholeLife(lab);
    for (const [name, grants] of Object.entries(grantsByAccount())) {
      const isOf = ({ user, group }: Asked): boolean =>
        user === systemUserOf(name) ||
        (name === 'agent-local' && user === systemUserOf(joined) && group === 'certificates.k8s.io');
      const asked = lab.authorizer.asked().filter(isOf);
      t.ok(asked.length >= grants.length, `${name} asked for ${asked.length} things`);
      const isNeeded = (grant: Grant): boolean =>
        asked.some((each) => allows(grant, each) && !grants.some((other) => other !== grant && allows(other, each)));
      // What the leader only hands on to agents: the next test shows that it cannot without.
      const unused = grants.filter((grant) => !isNeeded(grant)).map(textOf);
      t.same(unused, name === 'controller' ? handedOn : [], `${name}: what it never needed`);
      const refused = asked.filter((each) => !isShortCut(each) && !grants.some((grant) => allows(grant, each)));
      t.same(refused.map(textOf), [], `${name}: what it was refused`);
    }
  },
);

const handedOn = [
  'get hosts.hosting.wcp360.io',
  'patch retaineddata/status.hosting.wcp360.io',
  `create hosts/attach.${STREAMS.group}`,
];

/** A right that an account loses, and what cannot be done then. */
interface Loss {
  readonly account: string;
  readonly right: Right;
  /** Begins something; resolves with whose conditions tell of it. */
  readonly begin: (lab: Lab) => Promise<Subject>;
  readonly says: RegExp;
}

interface Subject {
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly name: string;
}

const owner = 'wcp360-tenant-owner';
const groups = { ours: 'hosting.wcp360.io', rbac: 'rbac.authorization.k8s.io' };

async function beginTenant({ client }: Lab, name: string): Promise<Subject> {
  await declare(client, tenantType, {
    apiVersion,
    kind: 'Tenant',
    metadata: { name },
    spec: { packageRef: { name: tenant } },
  });
  return { type: tenantType, name };
}

async function beginDomain({ client }: Lab, name: string, spec: Readonly<Record<string, unknown>> = {}) {
  await declare(client, domainType, aDomain(tenant, name, spec));
  return { type: domainType, namespace: tenant, name };
}

const losses: readonly Loss[] = [
  {
    account: 'controller',
    right: { role: 'wcp360-controller', verb: 'create', group: groups.ours, resource: 'hostnameclaims', name: '' },
    begin: async (lab) => await beginDomain(lab, 'claimed'),
    says: /hostnameclaims/,
  },
  {
    account: 'controller',
    right: { role: 'wcp360-controller', verb: 'get', group: '', resource: 'secrets', name: '' },
    begin: async (lab) => await beginDomain(lab, 'closed', { access }),
    says: /not currently held/,
  },
  {
    account: 'controller',
    right: { role: 'wcp360-controller', verb: 'bind', group: groups.rbac, resource: 'clusterroles', name: owner },
    begin: async (lab) => await beginTenant(lab, 'owned'),
    says: /not currently held/,
  },
  {
    account: 'controller',
    right: { role: 'wcp360-controller', verb: 'update', group: groups.ours, resource: 'tenants/finalizers', name: '' },
    begin: async (lab) => await beginTenant(lab, 'held'),
    says: /blockOwnerDeletion/,
  },
  {
    account: 'controller',
    right: { role: 'wcp360-controller', verb: 'patch', group: groups.rbac, resource: 'clusterroles', name: '' },
    begin: async (lab) => await beginTenant(lab, 'given'),
    says: /cannot patch resource/,
  },
];

void t.test(
  'without a right its program does not get on, says so, and gets on when it has it again',
  { skip },
  async (t) => {
    const lab = await startLab(t);
    const { client } = lab;
    await declareTenant(client, tenant, { limits: { memory: '1Gi' } });
    await client.create(secretType, staff);
    const conditionsOf = async ({ type, ...key }: Subject): Promise<readonly Condition[]> => {
      const { status } = ((await client.get(type, key)) ?? { status: { conditions: [over] } }) as Conditioned;
      return status?.conditions ?? [];
    };
    for (const { account, right, begin, says } of losses) {
      const giveBack = await withoutRight(client, account, right);
      const subject = await begin(lab);
      const isTold = async () => (await conditionsOf(subject)).some(({ message }) => says.test(message ?? ''));
      await t.resolves(until(isTold, String(says)), `${textOf(right)} is missed`);
      await giveBack();
      const isOver = async () =>
        (await conditionsOf(subject)).some(({ type, status }) => type === 'Ready' && status === 'True');
      await t.resolves(until(isOver, 'the end', patienceMs), 'and needed for this alone');
    }
  },
);

interface Conditioned {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** Of an object that is to go, once it has gone. */
const over: Condition = { type: 'Ready', status: 'True', reason: 'Gone', message: '', lastTransitionTime: '' };
