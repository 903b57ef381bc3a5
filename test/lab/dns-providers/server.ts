import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A request as a stand-in for a provider reads it. */
export interface Asked {
  readonly method: string;
  /** Below the base of the API, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What goes wrong with one request: it is answered so, or the connection ends before or after it was carried out. */
export type Fault = Answered | 'before' | 'after';

/** Something that answers as a provider does, on loopback. */
export interface LabServer {
  readonly url: string;
  /** Methods and paths, in order. */
  readonly asked: readonly string[];
  /** Bodies of what was asked, in the same order. */
  readonly bodies: readonly string[];
  /** For the request after `skipped` others. */
  failAfter(skipped: number, fault: Fault): void;
}

export async function startLabProvider(
  t: Test,
  base: string,
  answer: (asked: Asked) => Answered | Promise<Answered>,
): Promise<LabServer> {
  const asked: string[] = [];
  const bodies: string[] = [];
  let next: { left: number; readonly fault: Fault } | undefined;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const read = await readRequest(request, base);
    asked.push(`${read.method} ${read.path}${read.query.size === 0 ? '' : `?${read.query.toString()}`}`);
    bodies.push(read.body);
    const fault = next !== undefined && next.left-- === 0 ? next.fault : undefined;
    if (fault === 'before') return void request.socket.destroy();
    const { status, headers, body } = typeof fault === 'object' ? fault : await answer(read);
    if (fault === 'after') return void request.socket.destroy();
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${base}`,
    asked,
    bodies,
    failAfter: (skipped, fault) => void (next = { left: skipped, fault }),
  };
}

async function readRequest(request: IncomingMessage, base: string): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const url = new URL(request.url ?? '/', 'http://localhost');
  return {
    method: request.method ?? '',
    path: url.pathname.slice(base.length),
    query: url.searchParams,
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answered {
  return { status, headers, body: JSON.stringify(value) };
}
