import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '#schemas/meta/object.ts';
import { builtPrograms } from './built-programs.ts';

/** A container of a workload's pods, as far as we use what there is. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
}

/** The pods that a Deployment or a DaemonSet makes. */
export interface PodSpec {
  readonly containers: readonly Container[];
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsGroup?: number };
}

export function podSpecOf(workload: KubeObject): PodSpec {
  return (workload['spec'] as { readonly template: { readonly spec: PodSpec } }).template.spec;
}

/** What the kubelet tells a container of its pod, by field path. */
export type PodFields = Readonly<Record<string, string>>;

/** The one container's command line and environment, as the kubelet makes them of what is written. */
export function commandOf(
  spec: PodSpec,
  fields: PodFields,
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const [container] = spec.containers;
  if (container === undefined) throw new Error('the pod has no container');
  const env = Object.fromEntries(
    container.env.map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? '',
    ]),
  );
  const expanded = (word: string): string =>
    word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
  return { argv: [...container.command, ...container.args].map(expanded), env };
}

export interface PodOptions {
  readonly spec: PodSpec;
  readonly fields: PodFields;
  /** The API server, and as whom the pod speaks with it. */
  readonly account: { readonly url: string; readonly ca: string | Buffer; readonly token: string };
}

/** A process that finds what it would find in a pod with restricted rights. */
export interface LabPod {
  /** What it has written until now. */
  readonly log: () => string;
  /** Ends it by SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the container of a restricted pod without a kubelet: its command under its user, without capabilities and ways to get some, on a read-only file system
 * that holds our programs and the account's files where they are in an image and a pod.
 */
export async function startPod({ spec, fields, account }: PodOptions): Promise<LabPod> {
  const { argv, env } = commandOf(spec, fields);
  const { hostname, port } = new URL(account.url);
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-pod-'));
  const accountFiles = { token: account.token, 'ca.crt': account.ca, namespace: 'wcp360-system' };
  for (const [name, text] of Object.entries(accountFiles))
    await writeFile(join(directory, name), text, { mode: 0o444 });
  const programs = await builtPrograms();
  const [library, credentials] = ['/usr/local/lib/wcp360', '/run/secrets/kubernetes.io/serviceaccount'];
  // What bubblewrap makes on the way to a file is closed to all but root.
  const directories = [library, '/run/secrets', '/run/secrets/kubernetes.io', credentials];
  const files = [
    ...['--ro-bind', '/', '/', '--tmpfs', '/usr/local/lib', '--tmpfs', '/run'],
    ...directories.flatMap((path) => ['--perms', '0755', '--dir', path]),
    ...['programs', 'proto'].flatMap((name) => ['--ro-bind', join(programs, name), join(library, name)]),
    ...['--ro-bind', process.execPath, join(library, 'node')],
    ...Object.keys(accountFiles).flatMap((name) => ['--ro-bind', join(directory, name), join(credentials, name)]),
    ...['--remount-ro', '/usr/local/lib', '--remount-ro', '/run'],
  ];
  const { runAsUser = 0, runAsGroup = 0 } = spec.securityContext ?? {};
  const rights = [
    `--reuid=${runAsUser}`,
    `--regid=${runAsGroup}`,
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
  ];
  const child = spawn('/usr/bin/bwrap', [...files, '--', 'setpriv', ...rights, '--', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, PATH: '/usr/sbin:/usr/bin', KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
    // bubblewrap waits for the program, and hands no signal on to it.
    detached: true,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (log += part.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const end = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  };
  const onExit = (): void => end('SIGKILL');
  process.on('exit', onExit);
  return {
    log: () => log,
    stop: async () => {
      process.off('exit', onExit);
      end('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
