import { freePort } from '#test/lab/free-port.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { createPki, type Pki } from '#runtime/config/pki.ts';
import { buildPrograms } from '#hack/build.ts';
import { runLoad } from './load.ts';

/** A kube-apiserver with 100,000 objects takes a minute when the machine is not quiet. */
const readyTimeoutMs = 300_000;

/** A scratch place on tmpfs with PKI, an etcd behind mutual TLS and the bundled programs; everything in it goes with `close`. */
export interface Lab {
  readonly directory: string;
  readonly pki: Pki;
  readonly etcd: { readonly endpoint: string; readonly pid: number };
  /** TLS material of an administrator. */
  readonly admin: SecureContextOptions;
  /** Starts one of wcpd's programs; resolves when its process runs. */
  start(program: string, args: readonly string[]): ChildProcess;
  /** A fresh, empty etcd in place of the one before. */
  freshEtcd(): Promise<void>;
  close(): Promise<void>;
}

/** With `profileInto` each program leaves a CPU profile in that directory when it is stopped. */
export async function openLab(profileInto?: string): Promise<Lab> {
  const directory = await mkdtemp('/dev/shm/wcp360-bench-');
  const pki = await createPki(join(directory, 'pki'), { hostName: 'bench' });
  await buildPrograms(join(directory, 'lib'));
  const children = new Set<ChildProcess>();
  const run = (command: string, args: readonly string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const etcd = { endpoint: '', pid: 0 };
  let etcdProcess: ChildProcess | undefined;
  const freshEtcd = async (): Promise<void> => {
    if (etcdProcess !== undefined) await stop(etcdProcess);
    const data = join(directory, 'etcd');
    await rm(data, { recursive: true, force: true });
    await mkdir(data, { mode: 0o700 });
    const [client, peer] = [await freePort(), await freePort()];
    etcd.endpoint = `https://127.0.0.1:${client}`;
    etcdProcess = run('/usr/bin/etcd', etcdFlags(pki, { data, client, peer }));
    etcd.pid = etcdProcess.pid ?? 0;
  };
  await freshEtcd();
  return {
    directory,
    pki,
    etcd,
    admin: tlsOf(pki),
    start: (program, args) =>
      run(process.execPath, [
        ...(profileInto === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`]),
        join(directory, 'lib/programs/wcpd.mjs'),
        program,
        ...args,
      ]),
    freshEtcd,
    close: async () => {
      await Promise.all([...children].map(stop));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function etcdFlags(
  pki: Pki,
  at: { readonly data: string; readonly client: number; readonly peer: number },
): readonly string[] {
  const [client, peer] = [`https://127.0.0.1:${at.client}`, `https://127.0.0.1:${at.peer}`];
  const { authority, server } = pki.etcd;
  return [
    ...['--name', 'bench', '--data-dir', at.data, '--logger', 'zap', '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `bench=${peer}`],
    ...[
      '--cert-file',
      server.certificate,
      '--key-file',
      server.key,
      '--client-cert-auth',
      '--trusted-ca-file',
      authority.certificate,
    ],
    ...[
      '--peer-cert-file',
      pki.etcd.peer.certificate,
      '--peer-key-file',
      pki.etcd.peer.key,
      '--peer-client-cert-auth',
      '--peer-trusted-ca-file',
      authority.certificate,
    ],
    ...['--experimental-backend-bbolt-freelist-type', 'map', '--quota-backend-bytes', String(8 * 1024 ** 3)],
  ];
}

function tlsOf(pki: Pki): SecureContextOptions {
  return {
    ca: readFileSync(pki.authority.certificate),
    cert: readFileSync(pki.admin.certificate),
    key: readFileSync(pki.admin.key),
  };
}

/** Flags of `wcpd server` for a lab. */
export function serverFlags(lab: Lab, port: number): readonly string[] {
  const { pki } = lab;
  return [
    `--listen=127.0.0.1:${port}`,
    `--etcd-servers=${lab.etcd.endpoint}`,
    `--etcd-ca-file=${pki.etcd.authority.certificate}`,
    `--etcd-cert-file=${pki.etcd.client.certificate}`,
    `--etcd-key-file=${pki.etcd.client.key}`,
    `--tls-cert-file=${pki.server.certificate}`,
    `--tls-key-file=${pki.server.key}`,
    `--client-ca-file=${pki.authority.certificate}`,
    `--service-account-key-file=${pki.serviceAccount.key}`,
    `--encryption-key-file=${pki.encryptionKey}`,
    '--log-level=error',
  ];
}

/** Waits until a path of a server answers with a success; milliseconds since the call. */
export async function awaitAnswer(lab: Pick<Lab, 'admin'>, url: string, path: string): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const isReady = await runLoad({
      url,
      tls: lab.admin,
      connections: 1,
      requests: 1,
      method: 'GET',
      make: () => ({ path }),
    }).then(
      () => true,
      () => false,
    );
    if (isReady) return performance.now() - startedAt;
    if (performance.now() - startedAt > readyTimeoutMs)
      throw new Error(`${url}${path} did not answer in ${readyTimeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const stopGraceMs = 5_000;

/** Asks a process to end, and makes it when it does not. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const late = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });
  clearTimeout(late);
}
