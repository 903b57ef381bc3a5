import { basename } from 'node:path/posix';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Network } from '#runtime/base/networks.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { keysDirectory, parseKeyPair } from '#runtime/drivers/nginx/key-channel.ts';
import { askResponder } from './ask-responder.ts';
import { stapleAskOf, type StapleAsk } from './staple-ask.ts';
import { parseStaple, staplesDirectory, type Staple } from './staple.ts';

export interface StaplerOptions {
  readonly host: Host;
  /** Where CAs may answer beside public addresses. */
  readonly networks: readonly Network[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the words of CAs on the certificates that the front serves. What cannot be had now is left out of handshakes, and asked for again. */
export interface Stapler {
  /** Has the word on a certificate at hand. Never rejects for a CA. */
  provide(ask: StapleAsk, signal: AbortSignal): Promise<void>;
  /** Asks again for what has served half of its time, and throws away what has ended. */
  renewAll(signal: AbortSignal): Promise<void>;
}

const atOnce = 8;
/** After the first failure, twice as long after each further one. */
const firstPauseMs = 60_000;
const longestPauseMs = 6 * 3_600_000;

interface Known {
  /** Milliseconds since the epoch. */
  readonly nextMs: number;
  readonly failures: number;
}

export function createStapler(options: StaplerOptions): Stapler {
  const known = new Map<string, Known>();
  const underWay = new Map<string, Promise<void>>();
  const once = async (ask: StapleAsk, signal: AbortSignal): Promise<void> => {
    const before = known.get(ask.fingerprint) ?? (await kept(ask, options.host, signal));
    const next = before.nextMs > options.clock.now() ? before : await fetchStaple(ask, before, { ...options, signal });
    known.set(ask.fingerprint, next);
  };
  const provide = async (ask: StapleAsk, signal: AbortSignal): Promise<void> => {
    const work = underWay.get(ask.fingerprint) ?? once(ask, signal).finally(() => underWay.delete(ask.fingerprint));
    underWay.set(ask.fingerprint, work);
    await work;
  };
  const asks = createAsks(options.host);
  return {
    provide,
    renewAll: async (signal) => {
      const wanted = await asks.list(signal);
      for (const fingerprint of known.keys()) if (!wanted.has(fingerprint)) known.delete(fingerprint);
      const all = [...wanted.values()];
      for (let index = 0; index < all.length; index += atOnce)
        await Promise.all(all.slice(index, index + atOnce).map(async (ask) => await provide(ask, signal)));
      await removeEnded(options, signal);
    },
  };
}

async function kept({ fingerprint }: StapleAsk, host: Host, signal: AbortSignal): Promise<Known> {
  const staple = parseStaple((await host.readText(`${staplesDirectory(host.root)}/${fingerprint}`, signal)) ?? '');
  return { nextMs: (staple?.refreshAt ?? 0) * 1_000, failures: 0 };
}

async function fetchStaple(
  ask: StapleAsk,
  { failures }: Known,
  { host, networks, clock, log, signal }: StaplerOptions & { readonly signal: AbortSignal },
): Promise<Known> {
  try {
    const staple = await askResponder(host, ask, { networks, nowMs: clock.now() }, signal);
    await putStaple(host, ask.fingerprint, staple, signal);
    return { nextMs: staple.refreshAt * 1_000, failures: 0 };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    log.warn({ err, serialNumber: ask.serialNumber }, 'a CA does not say whether a certificate is good');
    const pauseMs = Math.min(firstPauseMs * 2 ** failures, longestPauseMs);
    return { nextMs: clock.now() + pauseMs, failures: failures + 1 };
  }
}

async function putStaple(host: Host, fingerprint: string, staple: Staple, signal: AbortSignal): Promise<void> {
  const { front } = await host.capabilities(signal);
  const ownership = { mode: 0o640, uid: 0, gid: front.gid };
  await host.replaceFile(`${staplesDirectory(host.root)}/${fingerprint}`, JSON.stringify(staple), ownership, signal);
}

/** What the certificates ask for that are served, by fingerprint. A file is read again only when it was written since. */
function createAsks(host: Host): { list(signal: AbortSignal): Promise<ReadonlyMap<string, StapleAsk>> } {
  let seen: ReadonlyMap<string, { readonly modifiedMs: number; readonly ask: StapleAsk | undefined }> = new Map();
  return {
    list: async (signal) => {
      const directory = keysDirectory(host.root);
      const names = ((await host.readDirectory(directory, signal)) ?? []).map(({ name }) => `${directory}/${name}`);
      const now = new Map<string, { readonly modifiedMs: number; readonly ask: StapleAsk | undefined }>();
      for (const [path, { modifiedMs }] of await host.factsOf(names, signal)) {
        const before = seen.get(path);
        const isSame = before?.modifiedMs === modifiedMs;
        now.set(path, isSame ? before : { modifiedMs, ask: askIn(await host.readText(path, signal)) });
      }
      seen = now;
      return new Map([...now.values()].flatMap(({ ask }) => (ask === undefined ? [] : [[ask.fingerprint, ask]])));
    },
  };
}

function askIn(text: string | undefined): StapleAsk | undefined {
  const pair = parseKeyPair(text ?? '');
  return pair?.staple === undefined ? undefined : stapleAskOf(pair.certificate);
}

async function removeEnded({ host, clock }: StaplerOptions, signal: AbortSignal): Promise<void> {
  const directory = staplesDirectory(host.root);
  for (const [name, text] of (await host.readTexts(directory, signal)) ?? []) {
    const { until = 0 } = parseStaple(text) ?? {};
    if (until * 1_000 < clock.now()) await host.removeFile(`${directory}/${basename(name)}`, signal);
  }
}
