import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { HostError, required } from '#runtime/base/errors.ts';
import { reloadedCredentials, type Credentials, type CurrentCredentials } from './credentials.ts';
import type { KubeconfigConnection } from './kubeconfig-connection.ts';

/**
 * Credentials of users that need the official client: exec plugins, OIDC, cloud providers. It is only ever asked who we are; requests go our own way,
 * since it opens a connection for each. Import this module lazily: it costs 0.7 s of CPU.
 */
export async function kubeConfigCredentials(options: {
  readonly paths: readonly string[];
  readonly context: string;
  readonly now: () => number;
}): Promise<Credentials> {
  const config = new KubeConfig();
  const [first] = options.paths;
  if (options.paths.length === 1) config.loadFromFile(required(first, 'a kubeconfig'));
  else throw new HostError(`exec plugins need a single kubeconfig, not ${options.paths.join(delimiter)}`);
  config.setCurrentContext(options.context);
  return reloadedCredentials(() => materialOf(config), { now: options.now });
}

/** The account that a pod runs as: token and authority from the files that the kubelet mounts. */
export async function inClusterConnection(now: () => number): Promise<KubeconfigConnection> {
  const config = new KubeConfig();
  config.loadFromCluster();
  const cluster = required(config.getCurrentCluster(), 'the cluster of this pod');
  return {
    server: cluster.server,
    context: config.getCurrentContext(),
    cluster: cluster.name,
    user: config.getCurrentUser()?.name ?? '',
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    certificateAuthority: (await materialOf(config)).tls.ca,
    certificateFile: undefined,
    credentials: reloadedCredentials(() => materialOf(config), { now }),
  };
}

async function materialOf(config: KubeConfig): Promise<CurrentCredentials> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (err) {
    throw new HostError('credentials for the API server could not be obtained', {}, { cause: err });
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value;
  }
  return {
    tls: {
      ca: pem(options.ca),
      cert: pem(options.cert),
      key: pem(options.key),
      serverName: options.servername,
      skipVerify: options.rejectUnauthorized === false,
    },
    headers,
  };
}

function pem(value: unknown): string | undefined {
  return Buffer.isBuffer(value) ? value.toString() : typeof value === 'string' ? value : undefined;
}
