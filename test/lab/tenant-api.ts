import { join } from 'node:path';
import type { Test } from 'tap';
import { createClusterParts } from '#controllers/cluster-parts.ts';
import { createClusterControllers } from '#controllers/index.ts';
import type { ClusterWorld } from '#controllers/parts.ts';
import type { SourceTools } from '#controllers/source/tools.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createAccountClients } from '#runtime/client/account-clients.ts';
import type { Client } from '#runtime/client/client.ts';
import { staticCredentials } from '#runtime/client/credentials.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { applyDefinitions } from '#runtime/cmd/instance/definitions.ts';
import { openWorkspace } from '#runtime/host/local/open-workspace.ts';
import { startManager } from '#runtime/manager/manager.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { packageKind, tenantKind } from '#schemas/index.ts';
import { roleBindingKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { ApiGround, Tenant } from '#test/attacks/ground.ts';
import { startLabServer, type LabServer } from './api-server.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { openDirectory } from './git.ts';
import { eventually, labClient } from './widgets.ts';

const manifests = join(import.meta.dirname, '../../manifests');

/** An API server with the leader's controllers and both tenants, without a host. Everything ends with the test. */
export async function openTenantApi(t: Test): Promise<ApiGround> {
  const server = await startLabServer();
  const lifetime = new AbortController();
  const clients: Client[] = [];
  const adopt = (client: Client): Client => (clients.push(client), client);
  const { client: admin } = await labClient(server);
  const { client: leader } = await labClient(server);
  for (const client of [admin, leader]) adopt(client);
  const tools = await sourceTools(t, server, leader);
  await applyDefinitions(admin, { manifests, hostName: 'web1' }, lifetime.signal);
  const manager = startManager<ClusterWorld>({
    client: leader,
    controllers: createClusterControllers(createClusterParts<ClusterWorld>({ ...noTools, sources: tools })),
    world: (cache) => ({ client: leader, cache }),
    identity: 'cluster',
    log: silentLogger,
    metrics: createMetrics(),
    signal: lifetime.signal,
  });
  t.teardown(async () => {
    lifetime.abort(new Error('the test is over'));
    await manager.close();
    for (const client of clients) await client.close();
    await server.stop();
  });
  await manager.synced;
  const bearer = (token?: string): Client => adopt(tokenClient(server, token));
  const [token, ofBeta] = await Promise.all([ownerOf(admin, 'alpha'), ownerOf(admin, 'beta')]);
  return { admin, owners: { alpha: bearer(token), beta: bearer(ofBeta) }, token, bearer };
}

/** As `wcpd controller` has them; tenants' repositories may be on loopback. */
async function sourceTools(t: Test, { url, authority }: LabServer, client: Client): Promise<SourceTools> {
  const credentials = staticCredentials({ ca: authority.ca.toString() });
  const clock = systemClock;
  return {
    workspace: await openWorkspace(await openDirectory(t)),
    accounts: createAccountClients({ client, server: url, credentials, userAgent: 'lab', clock }),
    networks: ['127.0.0.0/8'],
    clock,
  };
}

function tokenClient({ url, authority }: LabServer, token?: string): Client {
  const ca = authority.ca.toString();
  return createClient({ server: url, tls: token === undefined ? { ca } : { ca, token } });
}

/** Declares a tenant and gives a token of its owner. */
async function ownerOf(admin: Client, name: Tenant): Promise<string> {
  const manager = { fieldManager: 'lab', force: true };
  for (const [kind, spec] of [
    [packageKind, { limits: { domains: 1000 } }],
    [tenantKind, { packageRef: { name } }],
  ] as const) {
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name }, spec };
    await admin.apply(resourceTypeOf(kind), object, manager);
  }
  const rights = { namespace: name, name: 'wcp360-owners' };
  await eventually(() => admin.get(resourceTypeOf(roleBindingKind), rights), `the rights of ${name}`);
  const account = { namespace: name, name: 'default' };
  const issued = await eventually(
    () => requestToken(admin, account, { expirationSeconds: 3600 }).catch(() => undefined),
    `the account of ${name}`,
  );
  return issued.token;
}
