import { freePort } from '#test/lab/free-port.ts';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { posix } from 'node:path';
import type { Test } from 'tap';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { parseNetwork } from '#runtime/base/networks.ts';
import { keyProgram } from '#runtime/cmd/key-program.ts';
import {
  createStapler,
  startFront,
  type FrontSettings,
  type Site,
  type Stapler,
} from '#runtime/drivers/nginx/index.ts';
import { applySite } from '#runtime/drivers/nginx/apply.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { LocalHost } from '#runtime/host/local/open-local-host.ts';
import { aSite } from '#test/builders/sites.ts';
import { createLogger } from '#runtime/telemetry/logger.ts';
import type { TlsSecret } from '#test/lab/pki.ts';
import { visit, type Visit, type VisitOptions } from '#test/lab/visit.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';

/** A real nginx on a loopback port of its own, two tenants, and what tests ask of it. */
export interface FrontLab {
  readonly host: LocalHost;
  readonly root: string;
  readonly settings: FrontSettings;
  readonly signal: AbortSignal;
  /** Asks CAs on loopback, too. */
  readonly staples: Stapler;
  readonly put: (hostname: string, overrides?: Partial<Site>) => Promise<void>;
  /** Keeps a pair in a Secret of its own, and gives the part of a record that names it. */
  readonly tls: (secret: TlsSecret, redirect?: boolean) => Required<Pick<Site, 'tls'>>;
  /** Secrets that sites name, `<namespace>/<name>`; `acme/staff` is there. */
  readonly secrets: Map<string, Readonly<Record<string, string>>>;
  readonly remove: (hostname: string, owner?: string) => Promise<void>;
  /** Writes a file of a tenant below its domain `shop`; returns the absolute path. */
  readonly file: (path: string, content: string, tenant?: keyof typeof tenants) => string;
  readonly ask: (hostname: string, path?: string, options?: VisitOptions) => Promise<Visit>;
}

export const tenants = { acme: 20001, zoo: 20002 } as const;

/** Starts the lab; everything ends with the test. */
export async function openFrontLab(
  t: Test,
  overrides: Partial<FrontSettings> = {},
  clock: Clock = systemClock,
): Promise<FrontLab> {
  const { machine, signal } = await machineOfTest(t);
  const { host } = machine;
  const { root } = host;
  const { front, http3 } = await host.capabilities(signal);
  const passable = { mode: 0o711, uid: 0, gid: 0 };
  for (const path of ['run', 'tenants']) await host.makeDirectory(`${root}/${path}`, passable, signal);
  for (const [tenant, uid] of Object.entries(tenants)) {
    const tree = `${root}/tenants/${tenant}`;
    for (const path of ['', '/domains']) await host.makeDirectory(`${tree}${path}`, passable, signal);
    await host.makeDirectory(`${tree}/logs`, { mode: 0o2750, uid: front.uid, gid: uid }, signal);
    await host.makeDirectory(`${tree}/tmp`, { mode: 0o700, uid, gid: uid }, signal);
    for (const path of ['', '/public']) {
      await host.makeDirectory(`${tree}/domains/shop${path}`, { mode: 0o2750, uid, gid: front.gid }, signal);
    }
  }
  const settings: FrontSettings = {
    root,
    listen: [{ address: '127.0.0.1', port: await freePort() }],
    httpsListen: [{ address: '127.0.0.1', port: await freePort() }],
    http3,
    keyProgram: [process.execPath, keyProgram],
    user: front.user,
    workers: 2,
    trustedProxies: [],
    clientAddress: 'X-Forwarded-For',
    ...overrides,
  };
  await startFront(host, settings, signal);
  const secrets = new Map([['acme/staff', staff]]);
  const reader: SecretReader = { read: async (namespace, name) => secrets.get(`${namespace}/${name}`) };
  const networks = ['127.0.0.1/32'].flatMap((text) => parseNetwork(text) ?? []);
  const staples = createStapler({ host, networks, clock, log: createLogger({ name: 'front', level: 'error' }) });
  let pairs = 0;
  return {
    host,
    secrets,
    tls: (secret, redirect = false) => {
      const resourceVersion = String((pairs += 1));
      const name = `tls-${resourceVersion}`;
      secrets.set(`acme/${name}`, { ...secret });
      return { tls: { secret: { namespace: 'acme', name, resourceVersion }, redirect } };
    },
    staples,
    root,
    settings,
    signal,
    put: async (hostname, site) => {
      const input = { hostname, site: aSite(root, site) };
      await applySite({ ...bare, op: 'put-site', input }, { host, secrets: reader, staples }, signal);
    },
    remove: async (hostname, owner = 'Domain/acme/shop') => {
      await applySite({ ...bare, op: 'delete-site', input: { hostname, owner } }, { host }, signal);
    },
    file: (path, content, tenant = 'acme') => {
      const absolute = `${root}/tenants/${tenant}/domains/shop/${path}`;
      mkdirSync(posix.dirname(absolute), { recursive: true });
      writeFileSync(absolute, content);
      for (let each = absolute; each !== `${root}/tenants/${tenant}/domains/shop`; each = posix.dirname(each)) {
        chownSync(each, tenants[tenant], front.gid);
      }
      return absolute;
    },
    ask: (hostname, path, options) => visit(settings.listen[0]?.port ?? 0, hostname, path, options),
  };
}

/** A proxy's target that tells what reached it: `headers`, and the `size` of the body. */
export async function openTellingBackend(t: Test) {
  const backend = createServer((incoming, answer) => {
    let size = 0;
    incoming.on('data', (part: Buffer) => (size += part.length));
    incoming.on('end', () => answer.end(JSON.stringify({ headers: incoming.headers, size })));
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.teardown(() => backend.close().closeAllConnections());
  const { port } = backend.address() as AddressInfo;
  const allowed = [{ cidr: '127.0.0.1/32', fromPort: 1, toPort: 65_535 }];
  return { type: 'address', scheme: 'http', host: '127.0.0.1', port, allowed } as const;
}

export const serialOf = (secret: TlsSecret): string => new X509Certificate(secret['tls.crt']).serialNumber;

const bare = { driver: 'nginx', subject: '', reason: '', disruption: 'none', changes: [] } as const;

/** jane / secret (bcrypt), john / secret ({SHA}), old / secret (plain: refused) */
const staff: Readonly<Record<string, string>> = {
  auth: 'jane:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\njohn:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nold:secret\n',
};
