import { join } from 'node:path';
import type { UpConfig } from '#runtime/config/instance.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';
import { layoutOf, mountPoint, programUid, type ClientProgram } from './layout.ts';

const inside = layoutOf(mountPoint);
const etcdStopMs = 10_000;
/** An instance's etcd refuses to grow beyond this, long before the disk is full. */
const etcdQuotaBytes = 4 * 1024 ** 3;

/** The instance's own etcd: mutual TLS only, since every tenant's PHP reaches loopback. */
export function etcdUnit(config: UpConfig): ServiceUnit {
  const client = `https://127.0.0.1:${config.etcdClientPort}`;
  const peer = `https://127.0.0.1:${config.etcdPeerPort}`;
  const pair = (name: string): readonly string[] => [
    join(inside.pki, `etcd/${name}.crt`),
    join(inside.pki, `etcd/${name}.key`),
  ];
  const [serverCert = '', serverKey = ''] = pair('server');
  const [peerCert = '', peerKey = ''] = pair('peer');
  const authority = join(inside.pki, 'etcd/ca.crt');
  const flags: Readonly<Record<string, string>> = {
    name: 'wcp360',
    'data-dir': join(inside.data, 'etcd'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `wcp360=${peer}`,
    'cert-file': serverCert,
    'key-file': serverKey,
    'client-cert-auth': 'true',
    'trusted-ca-file': authority,
    'peer-cert-file': peerCert,
    'peer-key-file': peerKey,
    'peer-client-cert-auth': 'true',
    'peer-trusted-ca-file': authority,
    'quota-backend-bytes': String(etcdQuotaBytes),
    'experimental-backend-bbolt-freelist-type': 'map',
    logger: 'zap',
    'log-level': 'warn',
  };
  return {
    name: 'etcd',
    command: ['/usr/bin/etcd', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    ...asProgramUser,
    logPath: join(inside.logs, 'etcd.log'),
    restart: 'always',
    stopTimeoutMs: etcdStopMs,
  };
}

const asProgramUser = { uid: programUid, gid: programUid } as const;

/** grpc-js names an address as the TLS server name, which Node deprecates; certificates are checked all the same. */
const nodeFlags = ['--disable-warning=DEP0123'] as const;

export type ProgramName = 'server' | ClientProgram;

/** One of wcpd's programs with its configuration file. `build` changes with the bundle and the settings, so that a new one is started. */
export function programUnit(name: ProgramName, build: string): ServiceUnit {
  return {
    name,
    command: [
      inside.node,
      ...nodeFlags,
      join(inside.programs, 'wcpd.mjs'),
      name,
      '--config',
      join(inside.config, `${name}.yaml`),
    ],
    // Sites stay up while a new build replaces their agent.
    ...(name === 'agent' ? { keepsServices: true } : asProgramUser),
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NODE_ENV: 'production', WCP360_BUILD: build },
    workingDirectory: mountPoint,
    logPath: join(inside.logs, `${name}.log`),
    restart: 'always',
  };
}
