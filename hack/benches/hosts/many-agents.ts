/**
 * Agents of many hosts in one process, each as its own account and with all that an agent does; what they drive are model machines.
 *
 *   node hack/benches/hosts/many-agents.ts FILE    a Fleet as JSON
 */
import type { OwnServersKeeper } from '#runtime/drivers/own-servers/model.ts';
import { ownMariadb } from '#runtime/drivers/mariadb/index.ts';
import { ownPostgresql } from '#runtime/drivers/postgresql/index.ts';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { noFront } from '#test/builders/no-front.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { prepareHost } from '#runtime/cmd/agent/prepare-host.ts';
import { secretReader } from '#runtime/cmd/agent/secret-reader.ts';
import { startAgent } from '#runtime/cmd/agent/start-agent.ts';
import { terminated } from '#runtime/cmd/terminated.ts';
import { createStapler, sitesDirectory, usersDirectory } from '#runtime/drivers/nginx/index.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';
import { createMemoryHost, type MemoryHost } from '#runtime/host/memory/memory-host.ts';
import { createLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import type { FrontAnswer } from '#controllers/parts.ts';
import type { Fleet } from './fleet.ts';

const [file = ''] = process.argv.slice(2);
const fleet = JSON.parse(readFileSync(file, 'utf8')) as Fleet;
const signal = terminated();
const log = createLogger({ name: 'agents', level: 'warn' });
// So that tenants are spread over them and the real host alike.
const size = { processors: 4, memoryBytes: totalmem(), storageBytes: 100 * 2 ** 30 };

await Promise.all(fleet.hosts.map(async (host) => await runOne(host)));
process.exit(0);

async function runOne({ name, token }: Fleet['hosts'][number]): Promise<void> {
  const client = createClient({ server: fleet.server, tls: { ca: fleet.ca, token }, userAgent: 'wcpd-agent' });
  const host = createMemoryHost({ capabilities: { size } });
  await prepareHost(host, signal);
  const closed = { mode: 0o750, uid: 0, gid: 33 };
  for (const path of [`${host.root}/front`, sitesDirectory(host.root), usersDirectory(host.root)])
    await host.makeDirectory(path, closed, signal);
  const agent = await startAgent({
    config: { hostName: name, root: host.root, dnsResolver: '', frontHttpsPort: 0, databaseInterval: '1m' },
    client,
    host,
    dns: undefined,
    databaseServers: { postgresql: ownPostgresql(host), mariadb: ownMariadb(host), keeper: noServers },
    secrets: secretReader(client),
    staples: createStapler({ host, networks: [], clock: systemClock, log }),
    processes: openTenantProcesses('supervisor'),
    http3: false,
    front: { ...noFront, site: async (_world, hostname) => await Promise.resolve(siteOf(host, hostname)) },
    log: log.child({ host: name }),
    metrics: createMetrics(),
    signal,
  });
  await agent.ended;
}

/** None is ever made on a host of this bench. */
const noServers: OwnServersKeeper = {
  settings: async () => await Promise.resolve({}),
  set: async () => await Promise.resolve(),
  follow: () => undefined,
};

/** What a front would say: it looks at the record at each request. */
function siteOf(host: MemoryHost, hostname: string): FrontAnswer | undefined {
  const node = host.tree.nodes.get(`${sitesDirectory(host.root)}/${hostname}`);
  return node === undefined ? undefined : (JSON.parse(node.content) as FrontAnswer);
}
