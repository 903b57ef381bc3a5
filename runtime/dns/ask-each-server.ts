import { once } from 'node:events';
import { HostError } from '#runtime/base/errors.ts';
import { askDns, type DnsAnswer, type DnsQuestion, type DnsServer } from './ask.ts';
import type { NameResolver } from './name-resolver.ts';

/** What one of several servers says. */
export interface ServerAnswer {
  /** The server by its name. */
  readonly server: string;
  readonly answer: DnsAnswer;
}

/** Asks every address of name servers, all at once; those that do not answer in five seconds are left out, as those whose name has no address. */
export type AskEachServer = (
  names: readonly string[],
  question: DnsQuestion,
  signal: AbortSignal,
) => Promise<readonly ServerAnswer[]>;

const port = 53;
const timeoutMs = 5_000;

/** `inPlace` is asked whatever the names are: where those servers are not to be reached. */
export function createAskEachServer(
  { addresses }: Pick<NameResolver, 'addresses'>,
  inPlace: DnsServer | undefined,
  ask: typeof askDns = askDns,
): AskEachServer {
  const serversOf = async (name: string): Promise<readonly DnsServer[]> =>
    ((await addresses(name)) ?? []).map((address) => ({ address, port }));
  return async (names, question, signal) => {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const answersOf = async (server: string): Promise<readonly ServerAnswer[]> => {
      const servers = inPlace === undefined ? await inTime(serversOf(server), bound) : [inPlace];
      const answers = await Promise.all(
        (servers ?? []).map((each) => answerOf(() => ask(each, question, bound), bound)),
      );
      return answers.flatMap((answer) => (answer === undefined ? [] : [{ server, answer }]));
    };
    const answers = await Promise.all((inPlace === undefined ? names : names.slice(0, 1)).map(answersOf));
    signal.throwIfAborted();
    return answers.flat();
  };
}

/** `undefined` when it does not come before the signal. */
async function inTime<T>(coming: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const given = new AbortController();
  const late = once(signal, 'abort', { signal: given.signal }).then(
    () => undefined,
    () => undefined,
  );
  try {
    return signal.aborted ? undefined : await Promise.race([coming, late]);
  } finally {
    given.abort();
  }
}

async function answerOf(ask: () => Promise<DnsAnswer>, bound: AbortSignal): Promise<DnsAnswer | undefined> {
  try {
    return await ask();
  } catch (err) {
    if (bound.aborted || err instanceof HostError) return undefined;
    throw err;
  }
}
