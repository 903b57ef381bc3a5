import { request } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';

/** What a page answered. */
export interface Page {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/** Somebody who visits one site over HTTPS and keeps its cookies. Redirects are not followed. */
export interface Browser {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Page>;
  /** A form as a browser sends it, or anything else with its own headers. */
  post(
    path: string,
    body: FormData | URLSearchParams | string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Page>;
}

export interface Site {
  readonly hostname: string;
  /** Of the front, on loopback. */
  readonly port: number;
  /** Who is believed. */
  readonly ca: Buffer;
}

const timeoutMs = 30_000;

/** Rejects when the certificate is not for the name, or not of the CA. */
export function openBrowser(site: Site): Browser {
  const cookies = new Map<string, string>();
  const ask = async (path: string, body: Response, headers: Readonly<Record<string, string>> = {}): Promise<Page> => {
    const type = body.headers.get('content-type');
    const bytes = Buffer.from(await body.arrayBuffer());
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const page = await send(site, path, {
      method: body.body === null ? 'GET' : 'POST',
      headers: { ...(type === null ? {} : { 'content-type': type }), ...(cookie === '' ? {} : { cookie }), ...headers },
      bytes,
    });
    for (const line of page.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return page;
  };
  return {
    get: async (path, headers) => await ask(path, new Response(), headers),
    post: async (path, body, headers) => await ask(path, new Response(body), headers),
  };
}

interface Sending {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

async function send({ hostname, port, ca }: Site, path: string, { method, headers, bytes }: Sending): Promise<Page> {
  return await new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, servername: hostname, ca, path, method, agent: false, timeout: timeoutMs };
    const asked = request({ ...to, headers: { host: `${hostname}:${port}`, ...headers } });
    asked.once('error', reject);
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.once('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.once('error', reject);
      answer.once('end', () => {
        const body = Buffer.concat(parts);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: body, text: body.toString('utf8') });
      });
    });
    asked.end(bytes);
  });
}
