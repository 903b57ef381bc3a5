import { createHash } from 'node:crypto';
import { chmod, chown, copyFile, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { placeFile } from '#runtime/config/files.ts';
import { writeKubeconfig } from '#runtime/config/kubeconfig.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import type { UpConfig } from '#runtime/config/instance.ts';
import { hasAuthority, prepareAuthority } from './certificate-authority.ts';
import { prepareCredentials } from './credentials.ts';
import {
  adminKubeconfigOf,
  apiUrl,
  dnsAddress,
  frontUrl,
  secureFrontUrl,
  hasOwnServer,
  kubeconfigOf,
  layoutOf,
  mountPoint,
  ownerOf,
  programUid,
  resolverAddress,
  tokenFileOf,
  type Layout,
} from './layout.ts';
import { loopbackAddresses } from './ports.ts';

const inside = layoutOf(mountPoint);
const programs = { uid: programUid, gid: programUid } as const;

/** Who runs `up`: the admin kubeconfig is theirs. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** Directories of an instance with who may enter them; made or corrected. */
export async function prepareDirectories(layout: Layout): Promise<void> {
  const wanted: readonly (readonly [string, number, number])[] = [
    [layout.directory, 0o755, 0],
    [layout.data, 0o711, 0],
    [join(layout.data, 'etcd'), 0o700, programUid],
    [layout.work, 0o700, programUid],
    [layout.logs, 0o755, 0],
    [layout.config, 0o711, 0],
    [dirname(layout.node), 0o755, 0],
    [join(layout.directory, 'run'), 0o755, 0],
    [layout.bin, 0o755, 0],
    [join(layout.directory, 'audit'), 0o750, programUid],
  ];
  for (const [path, mode, uid] of wanted) {
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
    await chown(path, uid, uid);
  }
}

/** PKI, configuration files and kubeconfigs: nothing is rewritten that says the same already. */
export async function prepareFiles(layout: Layout, config: UpConfig, caller: Caller): Promise<void> {
  if (hasOwnServer(config)) await prepareOwnServer(layout, config, caller);
  else await prepareAccounts(layout, config.kubeconfig);
  await prepareAuthority(layout, config);
  await placeFile(join(layout.config, 'up.yaml'), stringify(withoutDirectory(config)), { mode: 0o644 });
  for (const [name, settings] of Object.entries(settingsOf(config))) {
    await placeFile(join(layout.config, `${name}.yaml`), stringify(settings), { mode: 0o644 });
  }
}

/** Everybody knows the instance's own server by its CA and has a client certificate of it. */
async function prepareOwnServer(layout: Layout, config: UpConfig, caller: Caller): Promise<void> {
  await prepareCredentials({
    pki: layout.pki,
    kubeconfigs: {
      admin: layout.adminKubeconfig,
      controller: kubeconfigOf(layout, 'controller'),
      agent: kubeconfigOf(layout, 'agent'),
    },
    server: apiUrl(config),
    hostName: config.hostName,
    owners: { server: programs, etcd: programs, controller: programs, admin: caller },
  });
}

/** At another server controller and agent are ServiceAccounts, whose tokens the supervisor keeps fresh. */
async function prepareAccounts(layout: Layout, kubeconfig: string): Promise<void> {
  const { server, certificateAuthority } = await loadKubeconfig({ path: kubeconfig });
  const shared = {
    server,
    certificateAuthority: certificateAuthority === undefined ? undefined : { pem: certificateAuthority },
  };
  for (const name of ['controller', 'agent'] as const) {
    const credentials = { tokenFile: tokenFileOf(inside, name) };
    await writeKubeconfig(kubeconfigOf(layout, name), { ...shared, credentials, owner: ownerOf(name) });
  }
}

function withoutDirectory(config: UpConfig): unknown {
  const { directory: _, ...rest } = config;
  return rest;
}

function settingsOf(config: UpConfig): Readonly<Record<string, unknown>> {
  return {
    ...(hasOwnServer(config) && { server: serverSettings(config) }),
    controller: controllerSettings(config),
    agent: agentSettings(config),
  };
}

function serverSettings(config: UpConfig): unknown {
  const pki = (path: string): string => join(inside.pki, path);
  const ownEtcd = config.etcdServers.length === 0;
  return {
    listen: `127.0.0.1:${config.apiPort}`,
    etcdServers: ownEtcd ? [`https://127.0.0.1:${config.etcdClientPort}`] : config.etcdServers,
    ...(ownEtcd && {
      etcdCaFile: pki('etcd/ca.crt'),
      etcdCertFile: pki('etcd/client.crt'),
      etcdKeyFile: pki('etcd/client.key'),
    }),
    tlsCertFile: pki('server.crt'),
    tlsKeyFile: pki('server.key'),
    clientCaFile: pki('ca.crt'),
    clientCaKeyFile: pki('ca.key'),
    rootCaFile: pki('ca.crt'),
    serviceAccountKeyFile: pki('service-account.key'),
    frontProxyCertFile: pki('front-proxy/client.crt'),
    frontProxyKeyFile: pki('front-proxy/client.key'),
    frontProxyCaFile: pki('front-proxy/ca.crt'),
    encryptionKeyFile: pki('encryption.key'),
    auditLogFile: join(mountPoint, 'audit/audit.log'),
    logLevel: config.logLevel,
  };
}

/** Every machine finds itself there (RFC 6761 §6.3). */
const previewDomain = 'preview.localhost';

function controllerSettings(config: UpConfig): unknown {
  const {
    acmePort,
    dnsProviderEndpoints,
    dnsProviderServer,
    etcdServers,
    hostName,
    logLevel,
    sourceNetworks,
    streamPort,
  } = config;
  const isOnlyOne = hasOwnServer(config) && etcdServers.length === 0;
  return {
    kubeconfig: kubeconfigOf(inside, 'controller'),
    workDirectory: inside.work,
    sourceNetworks,
    dnsProviderEndpoints,
    dnsProviderServer,
    dnsResolver: acmePort === 0 ? '' : resolverAddress(config),
    previewDomain,
    streamListen: `127.0.0.1:${streamPort}`,
    streamServicePort: streamPort,
    // On an etcd of its own an instance has one controller, and its supervisor never runs two.
    ...(isOnlyOne && { leaderElectionIdentity: hostName }),
    metricsListen: '',
    logLevel,
  };
}

function agentSettings({ hostName, httpPort, httpsPort, dnsPort, dnsApiPort, logLevel }: UpConfig): unknown {
  return {
    kubeconfig: kubeconfigOf(inside, 'agent'),
    hostName,
    root: mountPoint,
    frontAddresses: loopbackAddresses(),
    frontHttpPort: httpPort,
    frontHttpsPort: httpsPort,
    dnsAddresses: ['127.0.0.1'],
    dnsPort,
    dnsApiPort,
    databaseInterval: '10s',
    serviceManager: 'supervised',
    metricsListen: '',
    logLevel,
  };
}

/** Puts the Node that runs us beside the programs, where the instance's unprivileged users may run it: a hard link where the disk allows it. */
export async function placeNode(layout: Layout, executable: string): Promise<void> {
  const [from, to] = [await stat(executable), await stat(layout.node).catch(() => undefined)];
  if (to !== undefined && to.size === from.size && to.mtimeMs >= from.mtimeMs) return;
  const beside = `${layout.node}.new`;
  await rm(beside, { force: true });
  await link(executable, beside).catch(async () => copyFile(executable, beside));
  await chmod(beside, 0o755);
  await rename(beside, layout.node);
}

/** `env`, `wcpctl` and `wcpd` for a person's shell. */
export async function placeEnvironment(layout: Layout, config: UpConfig): Promise<void> {
  const wrapper = (program: string): string =>
    `#!/bin/sh\nexec ${quoted(layout.node)} --disable-warning=DEP0123 ${quoted(join(layout.programs, `${program}.mjs`))} "$@"\n`;
  for (const program of ['wcpctl', 'wcpd'])
    await placeFile(join(layout.bin, program), wrapper(program), { mode: 0o755 });
  const lines = [
    `# To be sourced: . ${layout.env}`,
    `export PATH=${quoted(layout.bin)}:"$PATH"`,
    `export KUBECONFIG=${quoted(adminKubeconfigOf(layout, config))}`,
    `export WCP360_HTTP=${frontUrl(config)}`,
    ...(config.dnsPort === 0 ? [] : [`export WCP360_DNS=${dnsAddress(config)}`]),
    ...(config.httpsPort === 0 ? [] : [`export WCP360_HTTPS=${secureFrontUrl(config)}`]),
    ...((await hasAuthority(config)) ? [`export WCP360_CA=${quoted(layout.roots)}`] : []),
  ];
  await placeFile(layout.env, `${lines.join('\n')}\n`, { mode: 0o644 });
}

/** A word that a POSIX shell reads as it stands. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Changes with the bundle: what a running program was started from. */
export async function buildOf(layout: Layout): Promise<string> {
  const map = await readFile(join(layout.programs, 'wcpd.mjs'));
  return createHash('sha256').update(map).digest('hex').slice(0, 12);
}

/** Notes a phase of the start for `up`, which waits for it. */
export async function notePhase(layout: Layout, phase: Phase): Promise<void> {
  const path = join(layout.directory, 'run/phase.json');
  await writeFile(`${path}.new`, JSON.stringify(phase));
  await rename(`${path}.new`, path);
}

export interface Phase {
  readonly name: 'etcd' | 'server' | 'definitions' | 'authority' | 'programs' | 'running' | 'failed';
  readonly message: string;
  /** Of the supervisor that says so. */
  readonly pid: number;
}

export async function readPhase(layout: Layout): Promise<Phase | undefined> {
  const text = await readFile(join(layout.directory, 'run/phase.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Phase);
}
