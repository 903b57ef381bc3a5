import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startApiServer, type ApiServer, type ApiServerOptions } from '#runtime/apiserver/server.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createLabAuthority, type Identity, type LabAuthority } from './pki.ts';

/** An answer, read to its end. */
export interface LabAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever came
  readonly body: any;
}

export interface LabRequest {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The administrator when absent; null shows no certificate. */
  readonly identity?: Identity | null;
}

/** A watch that is open: its events in order. */
export interface LabWatch {
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever came
  readonly events: any[];
  readonly status: number;
  readonly ended: Promise<void>;
  /** Resolves when there are `count` events; rejects after five seconds. */
  until(count: number): Promise<void>;
  close(): void;
}

/** An API server of the test's own, with a certificate authority and an administrator. */
export interface LabServer {
  readonly server: ApiServer;
  readonly store: Store;
  readonly url: string;
  readonly authority: LabAuthority;
  /** A client certificate of `system:masters`. */
  readonly admin: Identity;
  /** A kubeconfig file of the administrator, for kubectl and our own client. */
  readonly kubeconfig: string;
  readonly auditLines: string[];
  request(method: string, path: string, options?: LabRequest): Promise<LabAnswer>;
  watch(path: string, options?: LabRequest): Promise<LabWatch>;
  stop(): Promise<void>;
}

/** Starts a server on `store` (one in memory when absent) and resolves when it is ready. */
export async function startLabServer(options: Partial<ApiServerOptions> = {}): Promise<LabServer> {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-api-'));
  const authority = await createLabAuthority('api-lab');
  const [own, admin] = [await authority.server(), await authority.client('admin', ['system:masters'])];
  const store = options.store ?? openMemoryStore();
  const ca = authority.ca.toString();
  const auditLines: string[] = [];
  const server = await startApiServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: own.cert.toString(), key: own.key.toString(), clientCa: ca },
    serviceAccounts: { key: newServiceAccountKey() },
    log: silentLogger,
    audit: (line) => auditLines.push(line),
    ...options,
    store,
  });
  const agents = new Map<Identity | null, Agent>();
  const agentFor = (identity: Identity | null): Agent => {
    const known = agents.get(identity) ?? new Agent({ ca, keepAlive: true, ...identity });
    agents.set(identity, known);
    return known;
  };
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(server.url, ca, admin)), { mode: 0o600 });
  const target = { url: server.url, agentFor, admin };
  const lab: LabServer = {
    server,
    store,
    url: server.url,
    authority,
    admin,
    kubeconfig,
    auditLines,
    request: (method, path, requestOptions = {}) => send(target, method, path, requestOptions),
    watch: (path, requestOptions = {}) => openWatch(target, path, requestOptions),
    stop: async () => {
      for (const agent of agents.values()) agent.destroy();
      await server.close();
      if (options.store === undefined) await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await untilReady(lab);
  return lab;
}

/** A P-256 key in PEM, as ServiceAccount tokens are signed with. */
export function newServiceAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function untilReady(lab: LabServer): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await lab.request('GET', '/readyz')).status === 200) return;
    await delay(25);
  }
  throw new Error(`the API server did not become ready: ${(await lab.request('GET', '/readyz?verbose')).text}`);
}

interface Target {
  readonly url: string;
  readonly agentFor: (identity: Identity | null) => Agent;
  readonly admin: Identity;
}

function send(target: Target, method: string, path: string, options: LabRequest): Promise<LabAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = open(target, method, path, options);
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
      });
    });
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function open(
  target: Target,
  method: string,
  path: string,
  { body, headers = {}, identity = target.admin }: LabRequest,
) {
  const payload =
    body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const type =
    payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  const { hostname, port } = new URL(target.url);
  // The path goes out as it is: a URL object would clean it up.
  const outgoing = httpsRequest({
    hostname,
    port,
    path,
    method,
    agent: target.agentFor(identity),
    headers: { ...type, ...headers } as Record<string, string | string[]>,
  });
  outgoing.end(payload);
  return outgoing;
}

function openWatch(target: Target, path: string, options: LabRequest): Promise<LabWatch> {
  return new Promise((resolve, reject) => {
    const outgoing = open(target, 'GET', path, options);
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const events: unknown[] = [];
      let rest = '';
      const wakes = new Set<() => void>();
      const ended = new Promise<void>((done) => response.on('close', done));
      response.setEncoding('utf8');
      response.on('error', () => undefined);
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) events.push(JSON.parse(line));
        for (const wake of wakes) wake();
      });
      resolve({
        events,
        status: response.statusCode ?? 0,
        ended,
        until: (count) => untilCount(events, count, wakes),
        close: () => outgoing.destroy(),
      });
    });
  });
}

function untilCount(events: readonly unknown[], count: number, wakes: Set<() => void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      wakes.delete(look);
      reject(new Error(`only ${events.length} of ${count} events came: ${JSON.stringify(events).slice(0, 2_000)}`));
    }, 5_000);
    const look = (): void => {
      if (events.length < count) return;
      clearTimeout(timer);
      wakes.delete(look);
      resolve();
    };
    wakes.add(look);
    look();
  });
}

function kubeconfigOf(url: string, ca: string, admin: Identity): unknown {
  const base64 = (pem: string | Buffer): string => Buffer.from(pem).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
    users: [
      { name: 'admin', user: { 'client-certificate-data': base64(admin.cert), 'client-key-data': base64(admin.key) } },
    ],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'admin', namespace: 'default' } }],
  };
}
