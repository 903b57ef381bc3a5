import { HostError } from '#runtime/base/errors.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import type { DnsAnswer, DnsQuestion, DnsServer } from './ask.ts';

/** Asks one server once. HostError when it does not answer. */
export type Ask = (server: DnsServer, question: DnsQuestion) => Promise<DnsAnswer>;

/** One address of a server of a zone. */
export interface NameServer {
  /** As NS records have it. */
  readonly name: string;
  /** `undefined`: the name has no address. */
  readonly server: DnsServer | undefined;
}

/**
 * What can be found out about names from one server. A resolver is asked for whatever is public, and names of servers by their addresses; a server that answers for
 * its own zones only is asked in place of everybody, as one that is not public yet.
 */
export interface Lookup {
  /** What anybody would be told. */
  resolve(name: string, type: string): Promise<DnsAnswer>;
  /** What this server says by itself. */
  ask(server: DnsServer, name: string, type: string): Promise<DnsAnswer>;
  serversNamed(names: readonly string[]): Promise<readonly NameServer[]>;
  /** The zone above a zone, and its servers; `undefined` when nobody who can be asked knows them. */
  above(zone: string): Promise<{ readonly zone: string; readonly servers: readonly NameServer[] } | undefined>;
}

const port = 53;

/** `known` is a name that the server has to know, be it a resolver or not. HostError when it does not answer. */
export async function openLookup(ask: Ask, server: DnsServer, known: string): Promise<Lookup> {
  const resolve: Lookup['resolve'] = (name, type) => ask(server, { name, type, isRecursive: true });
  const { isResolver } = await resolve(known, 'SOA');
  const addressOf = async (name: string, type: 'A' | 'AAAA'): Promise<string | undefined> =>
    (await resolve(name, type)).records.find((record) => record.type === type)?.content;
  // By IPv4 where it has that: whoever asks need not have IPv6.
  const serverNamed = async (name: string): Promise<NameServer> => {
    const address = (await addressOf(name, 'A')) ?? (await addressOf(name, 'AAAA'));
    return { name, server: address === undefined ? undefined : { address, port } };
  };
  const serversNamed: Lookup['serversNamed'] = async (names) =>
    isResolver ? await Promise.all(names.map(serverNamed)) : [{ name: names[0] ?? '', server }];
  return {
    resolve,
    ask: (asked, name, type) => ask(asked, { name, type }),
    serversNamed,
    above: async (zone) => {
      for (const name of namesAbove(zone)) {
        const { records, isAuthoritative } = await resolve(name, 'NS');
        const servers = records.filter((record) => record.type === 'NS' && record.name === rootedName(name));
        if (servers.length === 0 || !(isResolver || isAuthoritative)) continue;
        return { zone: name, servers: await serversNamed(servers.flatMap(({ content }) => content ?? [])) };
      }
      return undefined;
    },
  };
}

/** `b.c`, `c` for `a.b.c`. */
export function namesAbove(name: string): readonly string[] {
  const labels = name.split('.');
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
}

/** What the first of them says that says anything. HostError when none does. */
export async function askFirst(
  lookup: Lookup,
  servers: readonly NameServer[],
  question: { readonly name: string; readonly type: string },
): Promise<DnsAnswer> {
  let last = new HostError(`no server that can say something of ${question.name} has an address`);
  for (const { server } of servers) {
    if (server === undefined) continue;
    try {
      return await lookup.ask(server, question.name, question.type);
    } catch (err) {
      if (!(err instanceof HostError)) throw err;
      last = err;
    }
  }
  throw last;
}
