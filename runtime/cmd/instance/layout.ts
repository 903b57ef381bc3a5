import { join } from 'node:path';
import type { UpConfig } from '#runtime/config/instance.ts';

/** Where an instance's directory stands inside its mount namespace: a path that neither nginx nor a tenant is kept from by a closed home directory. */
export const mountPoint = '/srv/wcp360';

/** The uid and gid of server, controller and etcd: a bare number below the range of tenants. */
export const programUid = 19_999;

/** Files of an instance, below `directory` (outside of its namespace) or `mountPoint` (inside). */
export interface Layout {
  readonly directory: string;
  readonly pki: string;
  readonly data: string;
  /** Where repositories of Sources are fetched to. */
  readonly work: string;
  readonly logs: string;
  readonly config: string;
  readonly programs: string;
  readonly node: string;
  /** State of the services that `up` itself keeps: etcd, server, controller, agent. */
  readonly instanceServices: string;
  /** State of the services that the agent keeps: nginx, php-fpm. */
  readonly hostServices: string;
  readonly supervisor: string;
  /** Of the instance's own server. */
  readonly adminKubeconfig: string;
  readonly env: string;
  /** Roots of the stand-in for a public CA. */
  readonly roots: string;
  readonly bin: string;
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    pki: join(directory, 'pki'),
    data: join(directory, 'data'),
    work: join(directory, 'data/work'),
    logs: join(directory, 'logs'),
    config: join(directory, 'config'),
    programs: join(directory, 'lib/programs'),
    node: join(directory, 'lib/node'),
    instanceServices: join(directory, 'run/instance'),
    hostServices: join(directory, 'run/services'),
    supervisor: join(directory, 'run/supervisor.json'),
    adminKubeconfig: join(directory, 'admin.kubeconfig'),
    env: join(directory, 'env'),
    roots: join(directory, 'acme-roots.pem'),
    bin: join(directory, 'bin'),
  };
}

/** The base URL of the front, for people and scripts. */
export function frontUrl(config: UpConfig): string {
  return `http://localhost:${config.httpPort}`;
}

/** Where the name server is asked. */
export function dnsAddress(config: UpConfig): string {
  return `127.0.0.1:${config.dnsPort}`;
}

/** Where the resolver is asked that knows every name. */
export function resolverAddress(config: UpConfig): string {
  return `127.0.0.1:${config.resolverPort}`;
}

/** The same over TLS. */
export function secureFrontUrl(config: UpConfig): string {
  return `https://localhost:${config.httpsPort}`;
}

/** The URL of the instance's own server. */
export function apiUrl(config: UpConfig): string {
  return `https://127.0.0.1:${config.apiPort}`;
}

/** The kubeconfig of the administrator, be the server the instance's own or another. */
export function adminKubeconfigOf(layout: Layout, config: UpConfig): string {
  return hasOwnServer(config) ? layout.adminKubeconfig : config.kubeconfig;
}

/** Whether the instance has an API server, and an etcd unless another is named, of its own. */
export function hasOwnServer({ kubeconfig }: Pick<UpConfig, 'kubeconfig'>): boolean {
  return kubeconfig === '';
}

/** The programs that are clients of the API server. */
export type ClientProgram = 'controller' | 'agent';

/** As whom a program runs, and whose its credentials are: the agent acts on the machine and is root. */
export function ownerOf(program: ClientProgram): { readonly uid: number; readonly gid: number } {
  const id = program === 'agent' ? 0 : programUid;
  return { uid: id, gid: id };
}

export function kubeconfigOf(layout: Layout, program: ClientProgram): string {
  return join(layout.config, `${program}.kubeconfig`);
}

/** The token of a program at a server that is not the instance's own. */
export function tokenFileOf(layout: Layout, program: ClientProgram): string {
  return join(layout.config, `${program}.token`);
}
