import { isRecord } from '#runtime/base/json.ts';
import type { Host, ServiceUnit } from '#runtime/host/host.ts';
import type { KeyPair } from './key-pair.ts';

const namePattern = /^[a-z0-9_][a-z0-9.-]{0,252}$/;

/** Where certificates and keys lie: for root alone. */
export function keysDirectory(root: string): string {
  return `${root}/front/tls`;
}

/** Where the front asks for them: for its group. */
export function keySocket(root: string): string {
  return `${root}/run/keys.sock`;
}

/** What a site is served with. */
export interface ServedPair extends KeyPair {
  /** Under which the word of its CA lies, if it asks for that to be shown with it. */
  readonly staple?: string | undefined;
}

/** What lies in a file of `keysDirectory` and goes over the channel: one line. */
export function renderKeyPair(pair: ServedPair): string {
  return JSON.stringify(pair);
}

/** The pair in a text; `undefined` for what nobody of ours wrote. */
export function parseKeyPair(text: string): ServedPair | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const { certificate, key, staple } = value;
    const isWhole = typeof certificate === 'string' && typeof key === 'string';
    return isWhole ? { certificate, key, ...(typeof staple === 'string' ? { staple } : {}) } : undefined;
  } catch {
    return undefined;
  }
}

/** The answer to a question, which is the name of a site's record: `ok` and what lies there, or `error` and a word. `read` gives the text of a file. */
export function answerForKeys(root: string, question: string, read: (path: string) => string | undefined): string {
  if (!namePattern.test(question)) return 'error unknown';
  const text = read(`${keysDirectory(root)}/${question}`);
  return text === undefined ? 'error unknown' : `ok ${text}`;
}

/** The key channel as a service of its own: certificates are served while there is no agent. */
export async function keyService(host: Host, program: readonly string[], signal: AbortSignal): Promise<ServiceUnit> {
  const { front } = await host.capabilities(signal);
  return {
    name: 'keys',
    command: [...program, host.root, String(front.gid)],
    workingDirectory: '/',
    logPath: `${host.root}/front/keys.log`,
    restart: 'always',
    stopTimeoutMs: 3_000,
  };
}
