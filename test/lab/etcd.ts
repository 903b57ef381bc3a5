import { freePort } from './free-port.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import type { EtcdTls } from '#runtime/storage/etcd/connection.ts';
import type { Store } from '#runtime/storage/store.ts';
import { memoryDirectory } from './memory-directory.ts';
import { createLabAuthority, type LabAuthority } from './pki.ts';

/** An etcd of the test's own: Debian's program unless another is named, data in memory, free ports on loopback. */
export interface LabEtcd {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly endpoint: string;
  readonly port: number;
  /** With `tls`: the authority, and what a client shows. */
  readonly authority?: LabAuthority;
  readonly tls?: EtcdTls;
  /** A store on it, with its TLS; the caller closes it. */
  open(options?: { readonly endpoint?: string; readonly requestTimeoutMs?: number }): Promise<Store>;
  /** Ends the process without warning; data and ports stay for `start`. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts an etcd and resolves when it answers. With `tls` it speaks with clients of its own authority only. */
export async function startEtcd(options: { readonly tls?: boolean; readonly program?: string } = {}): Promise<LabEtcd> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-etcd-'));
  const [port, peerPort] = [await freePort(), await freePort()];
  const endpoint = `${options.tls === true ? 'https' : 'http'}://127.0.0.1:${port}`;
  const authority = options.tls === true ? await createLabAuthority('etcd-lab') : undefined;
  const tls = authority === undefined ? undefined : await clientTls(authority);
  const tlsArguments = authority === undefined ? [] : await serverTls(authority, directory);
  const peer = `http://127.0.0.1:${peerPort}`;
  const argv = [
    '--name=lab',
    `--data-dir=${join(directory, 'data')}`,
    '--logger=zap',
    '--log-level=error',
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=lab=${peer}`,
    // Times for one member without a disk: an election is over in a moment.
    '--heartbeat-interval=20',
    '--election-timeout=200',
    ...tlsArguments,
  ];
  let child: ChildProcess | undefined;
  const open: LabEtcd['open'] = (storeOptions = {}) =>
    openEtcdStore({
      endpoints: [storeOptions.endpoint ?? endpoint],
      ...(tls === undefined ? {} : { tls }),
      ...(storeOptions.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: storeOptions.requestTimeoutMs }),
    });
  const onExit = (): void => {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', onExit);
  const lab: LabEtcd = {
    endpoint,
    port,
    ...(authority === undefined || tls === undefined ? {} : { authority, tls }),
    open,
    kill: async () => {
      if (child !== undefined) await killed(child);
      child = undefined;
    },
    start: async () => {
      child = spawn(options.program ?? '/usr/bin/etcd', argv, { stdio: ['ignore', 'ignore', 'ignore'] });
      await (await open()).close();
    },
    stop: async () => {
      await lab.kill();
      process.off('exit', onExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
  await lab.start();
  return lab;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

async function clientTls(authority: LabAuthority): Promise<EtcdTls> {
  return { ca: authority.ca, ...(await authority.client('wcp360')) };
}

async function serverTls(authority: LabAuthority, directory: string): Promise<readonly string[]> {
  const { cert, key } = await authority.server();
  const path = (name: string): string => join(directory, name);
  await writeFile(path('ca.crt'), authority.ca);
  await writeFile(path('server.crt'), cert);
  await writeFile(path('server.key'), key, { mode: 0o600 });
  return [
    '--client-cert-auth',
    `--trusted-ca-file=${path('ca.crt')}`,
    `--cert-file=${path('server.crt')}`,
    `--key-file=${path('server.key')}`,
  ];
}
