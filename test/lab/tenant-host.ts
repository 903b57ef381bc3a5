import type { Test } from 'tap';
import { createHostControllers } from '#controllers/index.ts';
import { gatherDomainCluster } from '#controllers/domain/cluster/gather.ts';
import type { DriverOf, HostWorld } from '#controllers/parts.ts';
import { HostError } from '#runtime/base/errors.ts';
import { keyProgram } from '#runtime/cmd/key-program.ts';
import { prepareHost } from '#runtime/cmd/agent/prepare-host.ts';
import { accountsDriver } from '#runtime/drivers/accounts/index.ts';
import { noFront } from '#test/builders/no-front.ts';
import { challengesDriver } from '#runtime/drivers/challenges/index.ts';
import { nginxDriver, startFront } from '#runtime/drivers/nginx/index.ts';
import { createServersDriver, type ServersWorld } from '#runtime/drivers/databases/servers-driver.ts';
import { ownServersDriver, type OwnServersWorld } from '#runtime/drivers/own-servers/index.ts';
import { mariadbDriver } from '#runtime/drivers/mariadb/index.ts';
import { postgresqlDriver } from '#runtime/drivers/postgresql/index.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { phpFpmDriver, startWaker } from '#runtime/drivers/php-fpm/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { createShellsDriver } from '#runtime/drivers/shells/index.ts';
import { slicesDriver } from '#runtime/drivers/slices/index.ts';
import { treeDriver } from '#runtime/drivers/tree/index.ts';
import type { Host } from '#runtime/host/host.ts';
import { isPending, isRefused, type AnyController } from '#runtime/manager/controller.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { domainKind, type Domain, type Tenant as TenantResource } from '#schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { packages, type SiteGround, type Tenant } from '#test/attacks/ground.ts';
import { admit } from '#test/builders/admit.ts';
import { aCache } from '#test/builders/cache.ts';
import { aHost, aTenant } from '#test/builders/objects.ts';
import { reach } from '#test/contracts/driver.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';
import { freePort } from './free-port.ts';
import { startNaiveFront } from './naive-front.ts';
import { tenantFiles } from './tenant-files.ts';
import { visit } from './visit.ts';
import { noCopies } from './no-copies.ts';
import { unmadeServers } from '#test/lab/unmade-servers.ts';

/** A real host without an API server: what a Domain's manifest says is admitted by its schema and brought about by the controllers and drivers of an agent. */
export interface TenantHost extends SiteGround {
  /** Makes a name resolve to these addresses, one answer after the other; the last one stays. */
  resolveAs(name: string, ...answers: readonly string[]): void;
}

/** Where visitors are let in: by nginx, or by a front as it is written in an afternoon. */
const fronts = { nginx: startNginx, naive: startNaive };

async function startNginx(host: Host, signal: AbortSignal): Promise<number> {
  const { user } = (await host.capabilities(signal)).front;
  const port = await freePort();
  const listen = [{ address: '127.0.0.1', port }];
  const settings = { root: host.root, listen, user, workers: 2, trustedProxies: [] } as const;
  const tls = { httpsListen: [], http3: false, keyProgram: [process.execPath, keyProgram] };
  await startFront(host, { ...settings, ...tls, clientAddress: 'X-Forwarded-For' }, signal);
  return port;
}

async function startNaive(host: Host, signal: AbortSignal): Promise<number> {
  await startNginx(host, signal);
  return await startNaiveFront(host.root, signal);
}

/** What acts on the machine; the other drivers of these controllers write to an API server. */
const drivers = {
  accounts: accountsDriver,
  slices: slicesDriver,
  tree: treeDriver,
  phpFpm: phpFpmDriver,
  nginx: nginxDriver,
  powerdns: powerdnsDriver,
  databases: { PostgreSQL: createServersDriver(postgresqlDriver), MariaDB: createServersDriver(mariadbDriver) },
} as const;

const uids: Readonly<Record<Tenant, number>> = { alpha: 20_001, beta: 20_002 };
const hostName = 'web1';

/** Starts nginx and the waker on a fresh root and puts both tenants there; everything ends with the test. */
export async function openTenantHost(t: Test): Promise<TenantHost> {
  const { machine, signal } = await machineOfTest(t);
  const { root } = machine.host;
  const names = new Map<string, string[]>();
  const host = resolving(machine.host, names);
  const secrets = new Map<string, KubeObject & { readonly data: Readonly<Record<string, string>> }>();
  const reader: SecretReader = { read: async (namespace, name) => secrets.get(`${namespace}/${name}`)?.data };
  await prepareHost(host, signal);
  const port = await fronts.nginx(host, signal);
  await startWaker({ host, secrets: reader, log: silentLogger, idleMs: 60_000 }, signal);
  const capabilities = await host.capabilities(signal);
  const agent = anAgent({ host, secrets: reader }, [
    aHost({ status: { root, capabilities: { phpVersions: capabilities.phpVersions, front: capabilities.front } } }),
    ...(Object.keys(uids) as Tenant[]).map((tenant) => tenantOf(tenant, capabilities.phpVersions)),
  ]);
  await agent.placeTenants();
  return {
    ...tenantFiles(root),
    directory: root,
    root,
    port,
    declare: (tenant, name, spec) => agent.declare(manifestOf(tenant, name, spec), [...secrets.values()]),
    keepSecret: async (tenant, name, data) => {
      const metadata = { namespace: tenant, name, resourceVersion: String(secrets.size + 1) };
      secrets.set(`${tenant}/${name}`, { apiVersion: 'v1', kind: 'Secret', metadata, data });
    },
    http: (hostname, path, options) => visit(port, hostname, path, options),
    resolveAs: (name, ...answers) => void names.set(name, [...answers]),
  };
}

/** The host, with a say of the test in what some names stand for. */
function resolving(host: Host, names: ReadonlyMap<string, string[]>): Host {
  return {
    ...host,
    resolve: async (name, signal) => {
      const answers = names.get(name);
      if (answers === undefined) return await host.resolve(name, signal);
      const next = answers.length > 1 ? answers.shift() : answers[0];
      return next === undefined ? [] : [next];
    },
  };
}

function tenantOf(tenant: Tenant, phpVersions: readonly string[]): TenantResource {
  const { proxyTargets } = packages[tenant];
  const effective = { php: { versions: phpVersions }, proxyTargets };
  return aTenant({ metadata: { name: tenant }, status: { host: hostName, uid: uids[tenant], effective } });
}

let generation = 0;

function manifestOf(tenant: Tenant, name: string, spec: Readonly<Record<string, unknown>>): KubeObject {
  return {
    apiVersion: 'hosting.wcp360.io/v1alpha1',
    kind: 'Domain',
    metadata: { name, namespace: tenant, uid: `${tenant}-${name}`, generation: (generation += 1) },
    spec: { hostname: `${name}.${tenant}.test`, ...spec },
  };
}

interface Agent {
  placeTenants(): Promise<void>;
  declare(manifest: KubeObject, secrets: readonly KubeObject[]): Promise<string | undefined>;
}

/** The controllers of an agent, one round for each thing that is declared. */
function anAgent(
  known: { readonly host: Host; readonly secrets: SecretReader },
  objects: readonly KubeObject[],
): Agent {
  const world = { ...known, databaseServers: () => [], ownServers: unmadeServers(known.host) };
  const controllers = createHostControllers<HostWorld & ServersWorld & OwnServersWorld>({
    hostName,
    ...drivers,
    shells: createShellsDriver({ count: () => 0, end: () => undefined }),
    copies: noCopies,
    copyOf: () => undefined,
    challenges: challengesDriver,
    front: noFront,
    ownServers: ownServersDriver,
    databaseSizeOf: () => undefined,
    serverVersionOf: () => undefined,
    askNameServer: () => Promise.reject(new HostError('nobody answers')),
  });
  const bringAbout = async (kind: string, object: KubeObject, others: readonly KubeObject[]) => {
    const controller = controllers.find((each) => each.name === `${kind}.host`);
    if (controller === undefined) throw new Error(`there is no controller of a ${kind} on hosts`);
    return await oneRound(controller, object, { others, world });
  };
  return {
    placeTenants: async () => {
      for (const tenant of objects.filter(({ kind }) => kind === 'Tenant')) await bringAbout('tenant', tenant, objects);
    },
    declare: async (manifest, secrets) => {
      const { object: domain, faults } = admit(domainKind, manifest);
      if (faults.length > 0) return faults[0]?.message;
      const others = [...objects, ...secrets];
      return await bringAbout('domain', placed(domain, others), others);
    },
  };
}

/** The Domain as the leader leaves it to the agent: all its names are its own. */
function placed(domain: Domain, others: readonly KubeObject[]): Domain {
  const inputs = gatherDomainCluster(domain, aCache(others), {
    judgeHostname: () => undefined,
    ancestorsOf: () => [],
    previewDomain: '',
  });
  if (isPending(inputs)) throw new Error(inputs.pending.message);
  const hostnames = inputs.names.map(({ hostname }) => hostname);
  return { ...domain, status: { host: hostName, hostnames, secrets: [...inputs.secrets] } };
}

async function oneRound(
  controller: AnyController<HostWorld & ServersWorld & OwnServersWorld>,
  object: KubeObject,
  around: { readonly others: readonly KubeObject[]; readonly world: object },
): Promise<string | undefined> {
  const inputs: unknown = controller.gather(object as never, aCache(around.others));
  if (isPending(inputs)) return inputs.pending.reason;
  if (isRefused(inputs)) return inputs.refused.reason;
  const desired = controller.desired(object as never, inputs as never) as Readonly<Record<string, never>>;
  const { namespace = '', name, uid = '' } = object.metadata;
  for (const [part, driver] of Object.entries(drivers)) {
    if (desired[part] === undefined) continue;
    await reach(
      driver as DriverOf<never, object>,
      around.world,
      { kind: object.kind, namespace, name, uid },
      desired[part],
    );
  }
  return (inputs as { readonly problem?: { readonly reason: string } }).problem?.reason;
}
