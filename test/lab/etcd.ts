import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import type { EtcdTls } from '#runtime/storage/etcd/options.ts';
import type { Store } from '#runtime/storage/store.ts';
import { etcdMember, etcdTls, peerUrl } from './etcd-member.ts';
import { freePort } from './free-port.ts';
import { memoryDirectory } from './memory-directory.ts';
import type { LabAuthority } from './pki.ts';

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
  /** Ends it and starts an empty one in its place. */
  replace(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts an etcd and resolves when it answers. With `tls` it speaks with clients of its own authority only. */
export async function startEtcd(options: { readonly tls?: boolean; readonly program?: string } = {}): Promise<LabEtcd> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-etcd-'));
  const tls = options.tls === true ? await etcdTls(directory) : undefined;
  const peerPort = await freePort();
  const member = await etcdMember({
    name: 'lab',
    directory,
    peerPort,
    cluster: [`lab=${peerUrl(peerPort)}`],
    ...(tls !== undefined && { tls }),
    ...(options.program !== undefined && { program: options.program }),
  });
  const { endpoint, port } = member;
  const open: LabEtcd['open'] = (storeOptions = {}) =>
    openEtcdStore({
      endpoints: [storeOptions.endpoint ?? endpoint],
      ...(tls === undefined ? {} : { tls: tls.client }),
      ...(storeOptions.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: storeOptions.requestTimeoutMs }),
    });
  const lab: LabEtcd = {
    endpoint,
    port,
    ...(tls !== undefined && { authority: tls.authority, tls: tls.client }),
    open,
    kill: member.kill,
    start: async () => {
      member.start();
      await (await open()).close();
    },
    replace: async () => {
      await member.kill();
      await rm(join(directory, 'lab'), { recursive: true });
      await lab.start();
    },
    stop: async () => {
      await member.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await lab.start();
  return lab;
}
