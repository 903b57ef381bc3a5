import { generateKeyPairSync } from 'node:crypto';
import type { Test } from 'tap';
import {
  startDns,
  type DnsSettings,
  type ZoneSettings,
  type ZoneState,
  type ZoneTable,
} from '#runtime/drivers/powerdns/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Host } from '#runtime/host/host.ts';
import { required } from '#runtime/base/errors.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';
import { freePort } from './free-port.ts';
import { run } from './run.ts';

/** A real PowerDNS on loopback ports of its own, and what tests ask of it. */
export interface NameServer {
  readonly host: Host;
  readonly settings: DnsSettings;
  readonly signal: AbortSignal;
  /** Methods and paths that the server was asked for so far, by its API. */
  readonly asked: readonly string[];
  readonly world: { readonly host: Host; readonly secrets: SecretReader };
  dig(name: string, type: string, ...options: readonly string[]): Promise<readonly string[]>;
}

/** Starts it; everything ends with the test. */
export async function openNameServer(
  t: Test,
  secrets: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(),
  more: Partial<DnsSettings> = {},
): Promise<NameServer> {
  const { machine, signal } = await machineOfTest(t);
  const { powerdns } = await machine.host.capabilities(signal);
  const { uid, gid } = required(powerdns, 'PowerDNS');
  const settings: DnsSettings = {
    root: machine.host.root,
    backend: 'sqlite',
    addresses: ['127.0.0.1'],
    port: await freePort(),
    apiPort: await freePort(),
    resolver: undefined,
    uid,
    gid,
    ...more,
  };
  await startDns(machine.host, settings, signal);
  const asked: string[] = [];
  const host = heard(machine.host, asked);
  const reader: SecretReader = { read: async (_namespace, name) => secrets.get(name) };
  return {
    host,
    settings,
    signal,
    asked,
    world: { host, secrets: reader },
    dig: async (name, type, ...options) => await dig(settings.port, [name, type, ...options]),
  };
}

/** Lines of dig's short answer, sorted. */
export async function dig(port: number, words: readonly string[]): Promise<readonly string[]> {
  const argv = ['/usr/bin/dig', '@127.0.0.1', '-p', String(port), '+short', '+norecurse', '+tries=3', '+time=10'];
  const { exitCode, stdout, stderr } = await run([...argv, ...words]);
  if (exitCode !== 0) throw new Error(`dig ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}

function heard(host: Host, asked: string[]): Host {
  return {
    ...host,
    httpRequest: async (request, signal) => {
      asked.push(`${request.method} ${request.path}`);
      return await host.httpRequest(request, signal);
    },
  };
}

/** A key of ECDSA in a Secret of this name, made by another program than PowerDNS. */
export function keptKey(
  secrets: Map<string, Readonly<Record<string, string>>>,
  name: string,
): ZoneSettings['keys'][number] {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d = '', x = '', y = '' } = privateKey.export({ format: 'jwk' });
  const base64 = (...parts: readonly string[]): string =>
    Buffer.concat(parts.map((part) => Buffer.from(part, 'base64url'))).toString('base64');
  const file = `Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ${base64(d)}\n`;
  secrets.set(name, { private: file });
  return { secret: { namespace: 'acme', name }, dnskey: `257 3 13 ${base64(x, y)}` };
}

/** A zone with a SOA, a name server and these records: `www A` → its contents. */
export function aZoneTable(
  zone: string,
  records: Readonly<Record<string, readonly string[]>> = {},
  settings: Partial<NonNullable<ZoneState['settings']>> = {},
): ZoneTable {
  const soa = `ns1.${zone} hostmaster.${zone} 0 10800 3600 604800 3600`;
  const all = { '@ SOA': [soa], '@ NS': [`ns1.${zone}`], ...records };
  const sets = Object.entries(all).map(([key, contents]) => {
    const [name = '', type = ''] = key.split(' ');
    return [`${name === '@' ? zone : `${name}.${zone}`} ${type}`, { ttlSeconds: 300, contents }] as const;
  });
  return new Map([[zone, { settings: { keys: [], transfer: { to: [] }, ...settings }, records: new Map(sets) }]]);
}
