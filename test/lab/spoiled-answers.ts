import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { Pebble } from './pebble.ts';
import { createLabAuthority } from './pki.ts';

/** In place of an answer: this body, or nothing at all. */
export type Nonsense = { readonly body: string } | 'silence';

/** Stands between a CA and whoever asks it. */
export interface SpoiledAnswers {
  /** URL of the directory by this way. */
  readonly directory: string;
  /** PEM of the authority behind its certificate. */
  readonly ca: string;
  /** From the answer of this number on (0: the next one) comes `nonsense` with the status and the headers of the real one; the CA has done what it was asked. */
  spoil(nonsense: Nonsense, from: number): void;
  /** From now on everything comes as it was sent; tells how many answers did not. */
  relent(): number;
}

/** Ends with the test. */
export async function openSpoiledAnswers(test: Test, { directory, ca }: Pebble): Promise<SpoiledAnswers> {
  const authority = await createLabAuthority('between');
  const { cert, key } = await authority.server();
  const target = new URL(directory);
  let spoiling: { readonly nonsense: Nonsense; left: number; given: number } | undefined;
  const server: Server = createServer({ cert, key }, (incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const asked = request({ host: target.hostname, port: target.port, method, path, headers, ca }, (answer) => {
      const passOn = async (): Promise<void> => {
        const body = await buffer(answer);
        const nonsense = spoiling !== undefined && spoiling.left-- <= 0 ? spoiling.nonsense : undefined;
        if (spoiling !== undefined && nonsense !== undefined) spoiling.given += 1;
        if (nonsense === 'silence') return;
        const sent = nonsense === undefined ? body : Buffer.from(nonsense.body);
        const { 'transfer-encoding': _encoding, ...rest } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 500, { ...rest, 'content-length': String(sent.length) });
        outgoing.end(method === 'HEAD' ? undefined : sent);
      };
      passOn().catch(() => outgoing.destroy());
    });
    asked.once('error', () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    directory: `https://127.0.0.1:${port}${target.pathname}`,
    ca: authority.ca.toString(),
    spoil: (nonsense, from) => void (spoiling = { nonsense, left: from, given: 0 }),
    relent: () => {
      const { given = 0 } = spoiling ?? {};
      spoiling = undefined;
      return given;
    },
  };
}
