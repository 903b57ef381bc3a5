import { mkdtemp, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { statusError } from '#runtime/client/status-error.ts';
import type { Io } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { streamPath } from '#schemas/meta/streams.ts';
import { databaseTarget, type DatabaseOptions } from './database-run.ts';

interface WebOptions extends DatabaseOptions {
  readonly open?: boolean;
}

/** `wcpctl db web DATABASE`: the address by which a browser gets in, once; nothing else goes to standard output. With `--open` a browser of whoever sits here goes there. */
export async function databaseWeb(session: Session, name: string, options: WebOptions): Promise<void> {
  const { io } = session;
  const { target, query = [] } = await databaseTarget(session, name, { ...options, subresource: 'web' });
  const words = new URLSearchParams(query.map(([key, value]): [string, string] => [key, value])).toString();
  const client = await session.client();
  const path = streamPath(target);
  const { status, body } = await client.raw('POST', words === '' ? path : `${path}?${words}`, { signal: io.signal });
  if (status !== 201) throw statusError(status, body);
  const { url, expiresAt } = JSON.parse(body) as { readonly url: string; readonly expiresAt: string };
  if (options.open === true && (await opened(url, io))) return;
  io.out(`${url}\n`);
  io.err(`For one browser, until ${expiresAt}. Whoever has this address gets in: show it to nobody.\n`);
}

/** Whether a browser was told. */
async function opened(url: string, io: Io): Promise<boolean> {
  const opener = openerOf(io.env);
  if (opener === undefined) {
    io.err('No browser is opened: there is no display here.\n');
    return false;
  }
  const exitCode = await io.runInteractive([opener, await signpost(url, io.env)]).catch(() => 127);
  if (exitCode !== 0) io.err(`No browser is opened: ${opener} ended with ${exitCode}.\n`);
  return exitCode === 0;
}

/** As desktops have it (xdg-utils), or macOS. */
function openerOf({ DISPLAY = '', WAYLAND_DISPLAY = '' }: Io['env']): string | undefined {
  if (platform() === 'darwin') return 'open';
  return DISPLAY === '' && WAYLAND_DISPLAY === '' ? undefined : 'xdg-open';
}

/** A page that leads there, for its owner alone: everybody on this machine reads the words that programs are started with. What stands in it is good for a minute. */
async function signpost(url: string, { XDG_RUNTIME_DIR = tmpdir() }: Io['env']): Promise<string> {
  const path = join(await mkdtemp(join(XDG_RUNTIME_DIR, 'wcpctl-')), 'web.html');
  const address = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const page = `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url=${address}">\n`;
  await writeFile(path, page, { mode: 0o600 });
  return pathToFileURL(path).href;
}
