import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Test } from 'tap';
import type { Tab } from './chromium.ts';
import { freePort } from './free-port.ts';
import { until } from './instance.ts';
import { labProcess } from './process.ts';

// What people and attackers have around databases in a browser.

interface Site {
  readonly hostname: string;
  readonly port: number;
  readonly ca: Buffer;
}

/** What somebody types into the page for SQL. */
export async function execute(tab: Tab, statement: string): Promise<void> {
  const text = JSON.stringify(statement);
  await tab.shows(`document.querySelector('textarea[name=query]') !== null`);
  await tab.value(`(() => {
    const area = document.querySelector('textarea[name=query]');
    const shown = area.form.querySelector('pre[contenteditable]');
    if (shown !== null) shown.textContent = ${text};
    area.value = ${text};
    area.form.querySelector('input[type=submit]').click();
  })()`);
}

/** Of a front on loopback, for a name. */
export async function shownCertificate({ hostname, port, ca }: Site): Promise<X509Certificate> {
  const socket = connect({ host: '127.0.0.1', port, servername: hostname, ca });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  if (certificate === undefined) throw new Error('no certificate was shown');
  return certificate;
}

/** Somebody on this machine who counts who calls. */
export async function listening(): Promise<{ readonly listener: Server; readonly callers: () => number }> {
  let count = 0;
  const listener = createServer((socket) => {
    count += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return { listener, callers: () => count };
}

/** Adminer without what we put before it. */
export async function startBareAdminer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const server = labProcess('/usr/bin/php8.2', ['-S', `127.0.0.1:${port}`, '-t', '/usr/share/adminer']);
  server.start();
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/adminer.php`)).ok, 'it to answer');
  return { url, stop: async () => await server.stop() };
}

/** A desktop, whose browser only notes where it is to go. */
export async function openDesktop(t: Test) {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-desktop-'));
  const noted = join(directory, 'noted');
  const put = async (script: string): Promise<void> =>
    await writeFile(join(directory, 'xdg-open'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await put(`echo "$@" >${noted}`);
  const { PATH = '' } = process.env;
  process.env['PATH'] = `${directory}:${PATH}`;
  t.teardown(async () => {
    process.env['PATH'] = PATH;
    await rm(directory, { recursive: true });
  });
  return {
    env: { DISPLAY: ':9', XDG_RUNTIME_DIR: directory },
    seen: async () => (await readFile(noted, 'utf8')).trim(),
    breakOpener: async () => await put('exit 3'),
  };
}
