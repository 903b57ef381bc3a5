import { HostError } from '#runtime/base/errors.ts';
import { askDns, type DnsAnswer, type DnsQuestion, type DnsServer } from './ask.ts';
import type { NameResolver } from './name-resolver.ts';

/** Asks name servers by their names, until one answers. HostError when none does. */
export type AskServers = (names: readonly string[], question: DnsQuestion, signal: AbortSignal) => Promise<DnsAnswer>;

const port = 53;

/** `inPlace` is asked whatever the names are: where those servers are not to be reached. */
export function createAskServers(resolver: NameResolver, inPlace: DnsServer | undefined): AskServers {
  return async (names, question, signal) => {
    if (inPlace !== undefined) return await askDns(inPlace, question, signal);
    let last = new HostError(`no server of ${question.name} has an address`);
    for (const name of names) {
      // By IPv4 where there is that: whoever asks need not have IPv6.
      const [address] = (await resolver.addresses(name)) ?? [];
      const answer = await answerOrError(address, question, signal);
      if (answer instanceof HostError) last = answer;
      else if (answer !== undefined) return answer;
    }
    throw last;
  };
}

async function answerOrError(
  address: string | undefined,
  question: DnsQuestion,
  signal: AbortSignal,
): Promise<DnsAnswer | HostError | undefined> {
  if (address === undefined) return undefined;
  try {
    return await askDns({ address, port }, question, signal);
  } catch (err) {
    if (err instanceof HostError) return err;
    throw err;
  }
}
