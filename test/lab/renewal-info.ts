import { createServer, request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Test } from 'tap';
import { freePort } from './free-port.ts';
import type { Pebble } from './pebble.ts';
import { createLabAuthority } from './pki.ts';

/** What Debian's pebble lacks in front of it: it suggests when to renew, as RFC 9773 §4 writes it, and hears what is replaced. All else is pebble's. */
export interface RenewalInfo {
  readonly directory: string;
  /** PEM of the authority behind its own certificate. */
  readonly ca: string;
  /** Identifiers of certificates that it was asked about, and those that orders were to replace: '' for an order that named none. */
  readonly asked: readonly string[];
  readonly replaced: readonly string[];
}

export interface RenewalInfoOptions {
  /** RFC 3339, for the certificate asked about as the first, second, …: the last one holds for all that follow. `null`: that is the answer. */
  readonly windows: readonly ({ readonly start: string; readonly end: string } | null)[];
  /** How often an order that names a certificate is refused as one that has a successor. */
  refusals?: number;
}

/** Ends with the test. */
export async function startRenewalInfo(test: Test, pebble: Pebble, options: RenewalInfoOptions): Promise<RenewalInfo> {
  const authority = await createLabAuthority('renewal');
  const [port, asked, replaced] = [await freePort(), [] as string[], [] as string[]];
  const base = `https://127.0.0.1:${port}`;
  const seen: string[] = [];
  const windowOf = (id: string): object | null | undefined => {
    if (!seen.includes(id)) seen.push(id);
    return options.windows[Math.min(seen.indexOf(id), options.windows.length - 1)];
  };
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { url = '' } = incoming;
    const body = await buffer(incoming);
    const [, id] = /^\/renewal-info\/([^/]+)$/.exec(url) ?? [];
    if (id !== undefined) {
      asked.push(id);
      response.writeHead(200, { 'content-type': 'application/json', 'retry-after': '21600' });
      const suggestedWindow = windowOf(id);
      return void response.end(JSON.stringify(suggestedWindow === null ? null : { suggestedWindow }));
    }
    if (url.endsWith('/order-plz')) {
      replaced.push(replacedBy(body) ?? '');
      if (replaced.at(-1) !== '' && (options.refusals ?? 0) > 0) {
        options.refusals = (options.refusals ?? 0) - 1;
        response.writeHead(409, { 'content-type': 'application/problem+json' });
        return void response.end(
          JSON.stringify({ type: 'urn:ietf:params:acme:error:alreadyReplaced', detail: 'replaced' }),
        );
      }
    }
    const { status, headers, bytes } = await passedOn(pebble, incoming, body);
    if (url !== '/dir') return void response.writeHead(status, headers).end(bytes);
    const directory = { ...(JSON.parse(bytes.toString()) as object), renewalInfo: `${base}/renewal-info` };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(directory));
  };
  const { cert, key } = await authority.server();
  const server = createServer({ cert, key }, (incoming, response) => {
    answer(incoming, response).catch((err: unknown) => response.destroy(err as Error));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  test.teardown(() => server.close().closeAllConnections());
  return { directory: `${base}/dir`, ca: authority.ca.toString(), asked, replaced };
}

/** What the payload of a signed request (RFC 8555 §6.2) names. */
function replacedBy(body: Buffer): string | undefined {
  const { payload = '' } = JSON.parse(body.toString()) as { readonly payload?: string };
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { readonly replaces?: string }).replaces;
}

/** The host that was asked for is passed on, too: pebble names it in all that it answers. */
async function passedOn(
  { directory, ca }: Pebble,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<{ readonly status: number; readonly headers: IncomingMessage['headers']; readonly bytes: Buffer }> {
  return await new Promise((resolve, reject) => {
    const sent = request(new URL(url ?? '', directory), { ca, method, headers }, (incoming) => {
      const { statusCode = 0, headers: found } = incoming;
      buffer(incoming).then((bytes) => resolve({ status: statusCode, headers: found, bytes }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
