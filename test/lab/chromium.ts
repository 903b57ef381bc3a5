import { spawn } from 'node:child_process';
import { createHash, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { until } from './instance.ts';
import { memoryDirectory } from './memory-directory.ts';

/** A real browser without a screen, spoken to by the DevTools protocol. */
export interface Chromium {
  /** A tab that shares cookies with none of the others. */
  open(): Promise<Tab>;
  /** Ends it, and removes what it kept. */
  close(): Promise<void>;
}

export interface Tab {
  /** Resolves when the page that comes of it has loaded. */
  goto(url: string): Promise<void>;
  /** The value of an expression in the page. */
  value<T>(expression: string): Promise<T>;
  /** Resolves once an expression is true, on whatever page by then. */
  shows(expression: string): Promise<void>;
  /** What the page, or the browser about it, complained of: errors of scripts, and what a policy kept from being loaded. */
  readonly complaints: readonly string[];
  /** Addresses of all requests that it sent. */
  readonly requests: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

type Call = (method: string, params?: object, sessionId?: string) => Promise<Readonly<Record<string, unknown>>>;

/** Believes one certificate, whoever signed it. */
export async function startChromium(trusted: X509Certificate): Promise<Chromium> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-chromium-'));
  const key = createHash('sha256')
    .update(trusted.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  const words = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const places = [`--user-data-dir=${directory}`, '--remote-debugging-port=0'];
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const trust = `--ignore-certificate-errors-spki-list=${key}`;
  const browser = spawn('/usr/bin/chromium', [...words, ...places, ...quiet, trust, 'about:blank'], {
    env: { PATH: '/usr/bin:/bin', HOME: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const socket = await connect(browser.stderr);
  const { call, listen } = protocolOver(socket);
  return {
    open: async () => await openTab(call, listen),
    close: async () => {
      const ended = once(browser, 'exit');
      await call('Browser.close').catch(() => browser.kill('SIGKILL'));
      await ended;
      socket.terminate();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function connect(stderr: NodeJS.ReadableStream): Promise<WebSocket> {
  for await (const line of createInterface(stderr)) {
    const [, url] = /^DevTools listening on (ws:\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    stderr.resume();
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    return socket;
  }
  throw new Error('the browser did not start');
}

type Listen = (sessionId: string, heard: (message: Message) => void) => void;

function protocolOver(socket: WebSocket): { readonly call: Call; readonly listen: Listen } {
  const waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>();
  const listeners = new Map<string, (message: Message) => void>();
  let last = 0;
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as Message;
    if (message.id === undefined) {
      listeners.get(message.sessionId ?? '')?.(message);
      return;
    }
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) asked?.resolve(message.result ?? {});
    else asked?.reject(new Error(message.error.message));
  });
  return {
    listen: (sessionId, heard) => void listeners.set(sessionId, heard),
    call: async (method, params = {}, sessionId) => {
      const id = (last += 1);
      const asked = Promise.withResolvers<Readonly<Record<string, unknown>>>();
      waiting.set(id, asked);
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
      return await asked.promise;
    },
  };
}

async function openTab(call: Call, listen: Listen): Promise<Tab> {
  const { browserContextId } = await call('Target.createBrowserContext');
  const { targetId } = await call('Target.createTarget', { url: 'about:blank', browserContextId });
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
  const session = String(sessionId);
  const [complaints, requests]: [string[], string[]] = [[], []];
  listen(session, ({ method, params = {} }) => {
    if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { readonly url: string }).url);
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params['exceptionDetails']));
    if (method === 'Log.entryAdded') {
      const { level, text, url } = params['entry'] as Readonly<Record<'level' | 'text' | 'url', string>>;
      if (level === 'error') complaints.push(`${text} ${url}`);
    }
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`, {}, session);
  const value = async <T>(expression: string): Promise<T> => {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call('Runtime.evaluate', asked, session);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value: T }).value;
  };
  const shows = async (expression: string): Promise<void> => {
    const isShown = `document.readyState === 'complete' && (${expression})`;
    await until(async () => (await value(isShown)) === true, expression).catch(async (err: unknown) => {
      throw new Error(`${String(err)} at ${await value<string>('location.href + "\\n" + document.body.innerText')}`);
    });
  };
  return {
    complaints,
    requests,
    value,
    shows,
    goto: async (url) => {
      const { errorText } = await call('Page.navigate', { url }, session);
      if (errorText !== undefined) throw new Error(`${url}: ${JSON.stringify(errorText)}`);
      await shows('true');
    },
  };
}
