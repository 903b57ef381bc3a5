import { join } from 'node:path';
import type { UpConfig } from '#runtime/config/programs.ts';

/** Where an instance's directory stands inside its mount namespace: a path that neither nginx nor a tenant is kept from by a closed home directory. */
export const mountPoint = '/srv/wcp360';

/** The uid and gid of server, controller and etcd: a bare number below the range of tenants. */
export const programUid = 19_999;

/** Files of an instance, below `directory` (outside of its namespace) or `mountPoint` (inside). */
export interface Layout {
  readonly directory: string;
  readonly pki: string;
  readonly data: string;
  readonly logs: string;
  readonly config: string;
  readonly programs: string;
  readonly node: string;
  /** State of the services that `up` itself keeps: etcd, server, controller, agent. */
  readonly instanceServices: string;
  /** State of the services that the agent keeps: nginx, php-fpm. */
  readonly hostServices: string;
  readonly supervisor: string;
  readonly adminKubeconfig: string;
  readonly env: string;
  readonly bin: string;
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    pki: join(directory, 'pki'),
    data: join(directory, 'data'),
    logs: join(directory, 'logs'),
    config: join(directory, 'config'),
    programs: join(directory, 'lib/programs'),
    node: join(directory, 'lib/node'),
    instanceServices: join(directory, 'run/instance'),
    hostServices: join(directory, 'run/services'),
    supervisor: join(directory, 'run/supervisor.json'),
    adminKubeconfig: join(directory, 'admin.kubeconfig'),
    env: join(directory, 'env'),
    bin: join(directory, 'bin'),
  };
}

/** The base URL of the front, for people and scripts. */
export function frontUrl(config: UpConfig): string {
  return `http://localhost:${config.httpPort}`;
}

export function apiUrl(config: UpConfig): string {
  return `https://127.0.0.1:${config.apiPort}`;
}
