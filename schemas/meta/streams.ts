import { GROUP } from './names.ts';

/** The API of what flows rather than stands: logs and shells of Domains, dumps of Databases, and the way by which agents are reached. */
export const STREAMS = {
  group: `stream.${GROUP}`,
  version: 'v1alpha1',
  /** The Service, in the system namespace, behind which every replica of the gateway stands. */
  service: 'stream-gateway',
  /** What the connection of an agent becomes. */
  tunnelProtocol: 'wcp360-tunnel',
} as const;

/** One thing that a stream is of: `log`, `exec` or an operation of `proxy` of a Domain, `dump`, `restore`, `shell` or `web` of a Database, `attach` of a Host. */
export interface StreamTarget {
  readonly resource: 'domains' | 'databases' | 'hosts';
  readonly subresource: 'log' | 'exec' | 'proxy' | 'dump' | 'restore' | 'shell' | 'web' | 'attach';
  /** Of `proxy` alone: which files there are, or an archive of some. */
  readonly operation?: 'files' | 'archive';
  /** Empty for a Host. */
  readonly namespace: string;
  readonly name: string;
}

const prefix = `/apis/${STREAMS.group}/${STREAMS.version}`;
const name = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?';
const domainPath = new RegExp(
  `^/namespaces/(?<namespace>${name})/domains/(?<name>${name})/(?:(?<subresource>log|exec)|(?<subresource>proxy)/(?<operation>files|archive))$`,
  'u',
);
const databasePath = new RegExp(
  `^/namespaces/(?<namespace>${name})/databases/(?<name>${name})/(?<subresource>dump|restore|shell|web)$`,
  'u',
);
const hostPath = new RegExp(`^/hosts/(?<name>${name})/(?<subresource>attach)$`, 'u');

/** The path of a stream's URL. */
export function streamPath({ resource, subresource, operation, namespace, name: object }: StreamTarget): string {
  const place = namespace === '' ? prefix : `${prefix}/namespaces/${namespace}`;
  const path = `${place}/${resource}/${object}/${subresource}`;
  return operation === undefined ? path : `${path}/${operation}`;
}

/** Reads a path back; undefined for any that is not spelt as `streamPath` does. */
export function parseStreamPath(path: string): StreamTarget | undefined {
  if (!path.startsWith(prefix)) return undefined;
  const rest = path.slice(prefix.length);
  const [resource, found] = [
    ['domains', domainPath.exec(rest)?.groups] as const,
    ['databases', databasePath.exec(rest)?.groups] as const,
    ['hosts', hostPath.exec(rest)?.groups] as const,
  ].find(([, groups]) => groups !== undefined) ?? ['hosts', undefined];
  if (found === undefined) return undefined;
  const { namespace = '', name: object = '', subresource, operation } = found;
  return {
    resource,
    subresource: subresource as StreamTarget['subresource'],
    ...(operation !== undefined && { operation: operation as 'files' | 'archive' }),
    namespace,
    name: object,
  };
}
