import { writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { patienceMs } from './patience.ts';
import type { Identity, LabAuthority } from './pki.ts';

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
  readonly signal?: AbortSignal;
}

/** A watch that is open: its events in order. */
export interface LabWatch {
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever came
  readonly events: any[];
  readonly status: number;
  readonly ended: Promise<void>;
  /** Resolves when there are `count` events; rejects when they do not come. */
  until(count: number): Promise<void>;
  close(): void;
}

/** An API server, ours or another, as its administrator sees it. */
export interface LabApi {
  readonly url: string;
  readonly authority: LabAuthority;
  /** A client certificate of `system:masters`. */
  readonly admin: Identity;
  /** A kubeconfig file of the administrator, for kubectl and our own client. */
  readonly kubeconfig: string;
  request(method: string, path: string, options?: LabRequest): Promise<LabAnswer>;
  watch(path: string, options?: LabRequest): Promise<LabWatch>;
  /** Ends the connections. */
  close(): void;
}

/** The way to a server whose certificate is of `authority`; writes a kubeconfig into `directory`. Nothing is asked yet. */
export async function connectLab({
  url,
  authority,
  admin,
  directory,
}: Pick<LabApi, 'url' | 'authority' | 'admin'> & { readonly directory: string }): Promise<LabApi> {
  const ca = authority.ca.toString();
  const agents = new Map<Identity | null, Agent>();
  const agentFor = (identity: Identity | null): Agent => {
    const known = agents.get(identity) ?? new Agent({ ca, keepAlive: true, ...identity });
    agents.set(identity, known);
    return known;
  };
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(url, ca, admin)), { mode: 0o600 });
  const target = { url, agentFor, admin };
  return {
    url,
    authority,
    admin,
    kubeconfig,
    request: (method, path, options = {}) => send(target, method, path, options),
    watch: (path, options = {}) => openWatch(target, path, options),
    close: () => {
      for (const agent of agents.values()) agent.destroy();
    },
  };
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
  { body, headers = {}, identity = target.admin, signal }: LabRequest,
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
    ...(signal !== undefined && { signal }),
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
    }, patienceMs);
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
