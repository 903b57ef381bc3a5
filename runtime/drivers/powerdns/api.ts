import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Host } from '#runtime/host/host.ts';

/** Where the server takes changes, and the key that it asks for. */
export interface ApiAccess {
  readonly address: string;
  readonly port: number;
  readonly key: string;
}

const server = '/api/v1/servers/localhost';
const timeoutMs = 60_000;
/** All records of a server come in one answer. */
const maxBytes = 512 * 1024 * 1024;

/** Where it stands, for root alone. */
export function accessFile(root: string): string {
  return `${root}/dns/api.json`;
}

/** `undefined` where there never was a name server. */
export async function readAccess(host: Host, signal: AbortSignal): Promise<ApiAccess | undefined> {
  const text = await host.readText(accessFile(host.root), signal);
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  if (!isRecord(value) || typeof value['port'] !== 'number' || typeof value['key'] !== 'string') return undefined;
  const { address = '127.0.0.1' } = value;
  return { address: String(address), port: value['port'], key: value['key'] };
}

/** The API of a running server. */
export interface Api {
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /** As `get`; `undefined` where there is nothing. */
  find(path: string, signal: AbortSignal): Promise<unknown>;
  /** RefusedError `RecordRefused` with the server's own words when it takes it not. */
  send(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
}

/** RefusedError `DnsMissing` where there is no name server. */
export async function openApi(host: Host, signal: AbortSignal): Promise<Api> {
  const access = await readAccess(host, signal);
  if (access === undefined) throw new RefusedError('DnsMissing', 'This host has no name server.');
  return {
    get: async (path, asking) => wanted(await exchange(host, access, { method: 'GET', path }, asking)),
    find: async (path, asking) => {
      const answer = await exchange(host, access, { method: 'GET', path }, asking);
      return answer.status === 404 ? undefined : wanted(answer);
    },
    send: async (method, path, body, asking) => wanted(await exchange(host, access, { method, path, body }, asking)),
  };
}

interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

interface Answer {
  readonly asked: string;
  readonly status: number;
  readonly text: string;
}

async function exchange(
  host: Host,
  { address, port, key }: ApiAccess,
  { method, path, body }: Ask,
  signal: AbortSignal,
): Promise<Answer> {
  const { status, body: text } = await host.httpRequest(
    {
      address: { host: address, port },
      method,
      path: `${server}${path}`,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs,
      maxBytes,
    },
    signal,
  );
  return { asked: `${method} ${path}`, status, text };
}

/** What a call that went well brought. */
function wanted({ asked, status, text }: Answer): unknown {
  if (status >= 200 && status < 300) return text === '' ? undefined : JSON.parse(text);
  const words = wordsOf(text);
  if (status === 422) throw new RefusedError('RecordRefused', `The name server refuses: ${words}.`);
  throw new HostError(`the name server answered ${status} to ${asked}: ${words}`);
}

function wordsOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    if (isRecord(value) && typeof value['error'] === 'string') return value['error'].slice(0, 500);
  } catch {
    // Not its own words, then: those of its web server.
  }
  return body.slice(0, 200);
}
