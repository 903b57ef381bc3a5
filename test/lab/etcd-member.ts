import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EtcdTls } from '#runtime/storage/etcd/options.ts';
import { freePort } from './free-port.ts';
import { createLabAuthority, type LabAuthority } from './pki.ts';
import { labProcess, type LabProcess } from './process.ts';

/** One etcd process; data and ports stay when it is killed. */
export interface EtcdMember extends LabProcess {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly endpoint: string;
  readonly port: number;
}

/** What members and their clients show each other, and who signed it. */
export interface LabEtcdTls {
  readonly authority: LabAuthority;
  readonly client: EtcdTls;
  readonly flags: readonly string[];
}

export interface EtcdMemberOptions {
  readonly name: string;
  readonly directory: string;
  /** Where it listens for its peers. */
  readonly peerPort: number;
  /** `name=URL` of all members, this one included. */
  readonly cluster: readonly string[];
  readonly tls?: LabEtcdTls;
  /** Debian's program when absent. */
  readonly program?: string;
}

export function peerUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** A member on a free port of loopback, not started yet; it ends with the process that made it. */
export async function etcdMember(options: EtcdMemberOptions): Promise<EtcdMember> {
  const { name, directory, peerPort, cluster, tls } = options;
  const port = await freePort();
  const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const advertised = cluster.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const argv = [
    `--name=${name}`,
    `--data-dir=${join(directory, name)}`,
    '--logger=zap',
    '--log-level=error',
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=${peerUrl(peerPort)}`,
    `--initial-advertise-peer-urls=${advertised}`,
    `--initial-cluster=${cluster.join(',')}`,
    // Times for members without a disk: an election is over in a moment.
    '--heartbeat-interval=20',
    '--election-timeout=200',
    ...(tls?.flags ?? []),
  ];
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return { endpoint, port, ...labProcess(options.program ?? '/usr/bin/etcd', argv) };
}

/** Makes an authority and writes what members show. */
export async function etcdTls(directory: string): Promise<LabEtcdTls> {
  const authority = await createLabAuthority('etcd-lab');
  const { cert, key } = await authority.server();
  const path = (name: string): string => join(directory, name);
  await writeFile(path('ca.crt'), authority.ca);
  await writeFile(path('server.crt'), cert);
  await writeFile(path('server.key'), key, { mode: 0o600 });
  return {
    authority,
    client: { ca: authority.ca, ...(await authority.client('wcp360')) },
    flags: [
      '--client-cert-auth',
      `--trusted-ca-file=${path('ca.crt')}`,
      `--cert-file=${path('server.crt')}`,
      `--key-file=${path('server.key')}`,
    ],
  };
}
