import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startApiServer, type ApiServer, type ApiServerOptions } from '#runtime/apiserver/server.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { connectLab, type LabApi } from './lab-api.ts';
import { createLabAuthority } from './pki.ts';

/** An API server of the test's own, with a certificate authority and an administrator. */
export interface LabServer extends LabApi {
  readonly server: ApiServer;
  readonly store: Store;
  readonly auditLines: string[];
  stop(): Promise<void>;
}

/** Starts a server on `store` (one in memory when absent) and resolves when it is ready. */
export async function startLabServer(options: Partial<ApiServerOptions> = {}): Promise<LabServer> {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-api-'));
  const authority = await createLabAuthority('api-lab');
  const [own, admin] = [await authority.server(), await authority.client('admin', ['system:masters'])];
  const store = options.store ?? openMemoryStore();
  const auditLines: string[] = [];
  const server = await startApiServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: {
      cert: own.cert.toString(),
      key: own.key.toString(),
      clientCa: authority.ca.toString(),
      clientCaKey: authority.key.toString(),
    },
    serviceAccounts: { key: newServiceAccountKey() },
    log: silentLogger,
    audit: (line) => auditLines.push(line),
    ...options,
    store,
  });
  const api = await connectLab({ url: server.url, authority, admin, directory });
  await untilReady(api);
  return {
    ...api,
    server,
    store,
    auditLines,
    stop: async () => {
      api.close();
      await server.close();
      if (options.store === undefined) await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A P-256 key in PEM, as ServiceAccount tokens are signed with. */
export function newServiceAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function untilReady(api: LabApi): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await api.request('GET', '/readyz')).status === 200) return;
    await delay(25);
  }
  throw new Error(`the API server did not become ready: ${(await api.request('GET', '/readyz?verbose')).text}`);
}
