import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newServiceAccountKey } from './api-server.ts';
import type { EtcdTls } from '#runtime/storage/etcd/options.ts';
import { freePort } from './free-port.ts';
import { connectLab, type LabApi } from './lab-api.ts';
import { createLabAuthority } from './pki.ts';
import { labProcess, type LabProcess } from './process.ts';

/** One API server of several on the same store, and a controller that is its client. */
export interface LabReplica {
  readonly api: LabApi;
  readonly server: LabProcess;
  /** Its settings. */
  readonly serverConfig: string;
  readonly controller: LabProcess;
}

/** An etcd with TLS, and where files may be put. */
interface ReplicaGround {
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls;
  readonly directory: string;
}

/**
 * Replicas on an etcd, with one authority and one administrator; servers and controllers are not started yet. `more` are texts of files for
 * further settings of the servers.
 */
export async function replicasOn(
  etcd: ReplicaGround,
  count: number,
  more: Readonly<Record<string, string>> = {},
): Promise<readonly LabReplica[]> {
  const authority = await createLabAuthority('replicas');
  const admin = await authority.client('admin', ['system:masters']);
  const files = {
    etcdCaFile: etcd.tls.ca,
    etcdCertFile: etcd.tls.cert,
    etcdKeyFile: etcd.tls.key,
    clientCaFile: authority.ca,
    serviceAccountKeyFile: newServiceAccountKey(),
    ...(await serverFiles(authority)),
    ...more,
  };
  const shared = await writeFiles(join(etcd.directory, 'shared'), files);
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const directory = join(etcd.directory, `replica-${index}`);
      await mkdir(directory);
      const port = await freePort();
      const api = await connectLab({ url: `https://127.0.0.1:${port}`, authority, admin, directory });
      const config = { ...shared, etcdServers: etcd.endpoints, listen: `127.0.0.1:${port}` };
      return {
        api,
        server: await program('server', directory, config),
        serverConfig: join(directory, 'server.yaml'),
        controller: await program('controller', directory, {
          kubeconfig: api.kubeconfig,
          metricsListen: '',
          leaderElectionIdentity: `replica-${index}`,
        }),
      };
    }),
  );
}

async function serverFiles(authority: Awaited<ReturnType<typeof createLabAuthority>>) {
  const { cert, key } = await authority.server();
  return { tlsCertFile: cert, tlsKeyFile: key };
}

/** Paths by the same names. */
async function writeFiles(
  directory: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<Readonly<Record<string, string>>> {
  await mkdir(directory);
  const paths: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, `${name}.pem`);
    await writeFile(path, text, { mode: 0o600 });
    paths[name] = path;
  }
  return paths;
}

async function program(
  name: 'server' | 'controller',
  directory: string,
  config: Readonly<Record<string, unknown>>,
): Promise<LabProcess> {
  const path = join(directory, `${name}.yaml`);
  await writeFile(path, JSON.stringify(config));
  return labProcess(process.execPath, [join(import.meta.dirname, '../../runtime/cmd/wcpd.ts'), name, '--config', path]);
}
