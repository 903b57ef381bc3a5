import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { openMember } from '#runtime/storage/etcd/member.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { etcdMember, etcdTls, peerUrl, type EtcdMember, type LabEtcdTls } from './etcd-member.ts';
import { freePort } from './free-port.ts';
import { memoryDirectory } from './memory-directory.ts';

/** Three etcd processes that are one store, with TLS towards clients, data in memory. */
export interface LabEtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  readonly tls: LabEtcdTls;
  readonly directory: string;
  /** A store on all of them; the caller closes it. */
  open(): Promise<Store>;
  /** Cuts one member off from the others, both ways; clients still reach it. `undefined` joins them again. */
  isolate(member: number | undefined): void;
  stop(): Promise<void>;
}

const names = ['a', 'b', 'c'] as const;

export async function startEtcdCluster(): Promise<LabEtcdCluster> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-etcd-cluster-'));
  const tls = await etcdTls(directory);
  const peerPorts = await Promise.all(names.map(freePort));
  const gates = await Promise.all(peerPorts.map(startPeerGate));
  const cluster = names.map((name, index) => `${name}=${peerUrl(gates[index]?.port ?? 0)}`);
  const members = await Promise.all(
    names.map((name, index) => etcdMember({ name, directory, peerPort: peerPorts[index] ?? 0, cluster, tls })),
  );
  for (const member of members) member.start();
  const endpoints = members.map(({ endpoint }) => endpoint);
  const open = (): Promise<Store> => openEtcdStore({ endpoints, tls: tls.client, dialTimeoutMs: 30_000 });
  await (await open()).close();
  const ids = await Promise.all(endpoints.map((endpoint) => memberId(endpoint, tls)));
  return {
    members,
    endpoints,
    tls,
    directory,
    open,
    isolate: (index) => {
      for (const [at, gate] of gates.entries()) {
        gate.refuse((from) => index !== undefined && (at === index || from === ids[index]));
      }
    },
    stop: async () => {
      for (const member of members) await member.kill();
      for (const gate of gates) gate.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** In hexadecimal, as peers name themselves. */
async function memberId(endpoint: string, tls: LabEtcdTls): Promise<string> {
  const member = openMember(endpoint, tls.client);
  try {
    const { header } = await member.kv.range({ key: Buffer.from('\0') }, { deadline: Date.now() + 10_000 });
    return BigInt(header.member_id).toString(16);
  } finally {
    member.leave();
  }
}

interface PeerGate {
  readonly port: number;
  /** Breaks the connections of peers whose id `isRefused`, and lets none of them through until told otherwise. */
  refuse(isRefused: (from: string) => boolean): void;
  close(): void;
}

/** The way to one member's peer port. Peers say who they are in the first request of each connection (header X-Server-From). */
async function startPeerGate(target: number): Promise<PeerGate> {
  const port = await freePort();
  const peers = new Map<Socket, string>();
  let isRefused = (_from: string): boolean => false;
  const server = createServer((incoming) => {
    incoming.once('data', (head) => {
      const from = /^x-server-from: *([0-9a-f]+)/im.exec(head.toString('latin1'))?.[1] ?? '';
      if (isRefused(from)) return incoming.destroy();
      peers.set(incoming, from);
      const outgoing = connect(target, '127.0.0.1');
      outgoing.write(head);
      incoming.pipe(outgoing).pipe(incoming);
      outgoing.on('error', () => incoming.destroy());
      return undefined;
    });
    incoming.on('error', () => undefined);
    incoming.on('close', () => peers.delete(incoming));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    refuse: (condition) => {
      isRefused = condition;
      for (const [socket, from] of peers) if (isRefused(from)) socket.destroy();
    },
    close: () => {
      for (const socket of peers.keys()) socket.destroy();
      server.close();
    },
  };
}
