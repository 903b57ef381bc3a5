import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
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
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext?: { readonly privileged?: boolean };
}

/** The pods that a Deployment or a DaemonSet makes: of one container each. */
export interface PodSpec {
  readonly containers: readonly [Container];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
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

/** An address of its own, as a pod has, on loopback: programs of two runs at once have the same ports. */
export function podAddress(): string {
  return ['127', ...Array.from({ length: 3 }, () => 1 + Math.floor(Math.random() * 254))].join('.');
}

export interface PodOptions {
  readonly spec: PodSpec;
  readonly fields: PodFields;
  /** The API server, and as whom the pod speaks with it where it has an account. */
  readonly account?: { readonly url: string; readonly ca: string | Buffer; readonly token: string };
  /** What stands for the root of the node. */
  readonly node?: string;
  /** Root file system of the image; this machine's with our programs put into it when absent. */
  readonly image?: string;
  /** On top of what the pod says. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A container without a kubelet. */
export interface LabPod {
  /** What it has written until now. */
  readonly log: () => string;
  /** Ends it by SIGTERM, and with it all that it started; resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the container of a pod on the file system of an image, or of this machine, read-only, that holds our programs and what the pod mounts where it would
 * find them; processes are its own. One that is not privileged has its user and neither capabilities nor ways to get some.
 */
export async function startPod(options: PodOptions): Promise<LabPod> {
  const { spec, fields, account, node = '/', image } = options;
  const { argv, env } = commandOf(spec, fields);
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-pod-'));
  const mounts = [
    ...['--ro-bind', image ?? '/', '/', '--proc', '/proc', '--dev', '/dev', '--unshare-pid', '--as-pid-1'],
    ...['/run', '/srv', '/tmp'].flatMap((path) => ['--tmpfs', path]),
    ...(await refilled(image ?? '/', '/etc')),
    ...(image === undefined ? await programMounts() : []),
    ...(account === undefined ? [] : await accountMounts(directory, account)),
    ...volumeMounts(spec, node),
  ];
  const server = account === undefined ? {} : serverVariables(account.url);
  const child = spawn('/usr/bin/bwrap', ['--info-fd', '3', ...mounts, ...rightsOf(spec), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...env, ...options.env, ...server, PATH: '/usr/sbin:/usr/bin' },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (log += part.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const pid = await firstProcess(child.stdio[3] as Readable);
  // bubblewrap waits for the first process of the container, and hands no signal on to it.
  const end = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal);
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

/** With which all others of the container end. */
async function firstProcess(info: Readable): Promise<number> {
  const { 'child-pid': pid } = JSON.parse(await text(info)) as { readonly 'child-pid': number };
  return pid;
}

/** Where an installation has them, and so the image. */
async function programMounts(): Promise<readonly string[]> {
  const [programs, library] = [await builtPrograms(), '/usr/local/lib/wcp360'];
  return [
    ...['--tmpfs', '/usr/local/lib', ...opened(library)],
    ...['programs', 'proto'].flatMap((name) => ['--ro-bind', join(programs, name), join(library, name)]),
    ...['--ro-bind', process.execPath, join(library, 'node'), '--remount-ro', '/usr/local/lib'],
  ];
}

async function accountMounts(
  directory: string,
  { token, ca }: NonNullable<PodOptions['account']>,
): Promise<readonly string[]> {
  const place = '/run/secrets/kubernetes.io/serviceaccount';
  const files = { token, 'ca.crt': ca, namespace: SYSTEM_NAMESPACE };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o444 });
  return [
    ...['/run/secrets', '/run/secrets/kubernetes.io', place].flatMap(opened),
    ...Object.keys(files).flatMap((name) => ['--ro-bind', join(directory, name), join(place, name)]),
  ];
}

/** A directory with all that is in it below `root`, in which bubblewrap can make what is not. */
async function refilled(root: string, path: string): Promise<readonly string[]> {
  const entries = (await readdir(join(root, path), { withFileTypes: true })).map(async (entry) => {
    const [place, source] = [join(path, entry.name), join(root, path, entry.name)];
    return entry.isSymbolicLink() ? ['--symlink', await readlink(source), place] : ['--ro-bind', source, place];
  });
  return ['--tmpfs', path, ...(await Promise.all(entries)).flat()];
}

/** What bubblewrap makes on the way to a file is closed to all but root. */
function opened(path: string): readonly string[] {
  return ['--perms', '0755', '--dir', path];
}

function volumeMounts({ containers: [container], volumes = [] }: PodSpec, node: string): readonly string[] {
  return (container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }) => {
    const volume = volumes.find((each) => each.name === name);
    if (volume === undefined) throw new Error(`the pod has no volume ${name}`);
    if (volume.hostPath === undefined) return ['--perms', '1777', '--tmpfs', mountPath];
    return [readOnly === true ? '--ro-bind' : '--bind', join(node, volume.hostPath.path), mountPath];
  });
}

function rightsOf({ containers: [container], securityContext = {} }: PodSpec): readonly string[] {
  // The /proc of bubblewrap is masked, as that of a container is that is not privileged.
  if (container.securityContext?.privileged === true)
    return ['--cap-add', 'ALL', '--', 'unshare', '--mount-proc', '--'];
  const { runAsUser = 0, runAsGroup = 0 } = securityContext;
  const user = [`--reuid=${runAsUser}`, `--regid=${runAsGroup}`, '--clear-groups'];
  return ['--', 'setpriv', ...user, '--no-new-privs', '--bounding-set=-all', '--'];
}

function serverVariables(url: string): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(url);
  return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
}
