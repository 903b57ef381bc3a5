import { statusError } from '#runtime/client/status-error.ts';
import type { Session } from '#runtime/cli/session.ts';
import { streamPath } from '#schemas/meta/streams.ts';
import { databaseTarget, type DatabaseOptions } from './database-run.ts';

/** `wcpctl db web DATABASE`: the address by which a browser gets in, once; nothing else goes to standard output. */
export async function databaseWeb(session: Session, name: string, options: DatabaseOptions): Promise<void> {
  const { io } = session;
  const { target, query = [] } = await databaseTarget(session, name, { ...options, subresource: 'web' });
  const words = new URLSearchParams(query.map(([key, value]): [string, string] => [key, value])).toString();
  const client = await session.client();
  const path = streamPath(target);
  const { status, body } = await client.raw('POST', words === '' ? path : `${path}?${words}`, { signal: io.signal });
  if (status !== 201) throw statusError(status, body);
  const { url, expiresAt } = JSON.parse(body) as { readonly url: string; readonly expiresAt: string };
  io.out(`${url}\n`);
  io.err(`For one browser, until ${expiresAt}. Whoever has this address gets in: show it to nobody.\n`);
}
