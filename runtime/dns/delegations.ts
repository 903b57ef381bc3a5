import { getServers } from 'node:dns';
import { rootedName } from '#schemas/meta/record-content.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { askDns } from './ask.ts';
import { askFirst, openLookup, type Lookup, type NameServer } from './lookup.ts';
import { parseServerAddress } from './server-address.ts';

/** A server that a zone is delegated to, as the zone above says. */
export interface Delegate {
  /** Without the dot at its end. */
  readonly name: string;
  /** Its addresses there; empty when it lies elsewhere. */
  readonly addresses: readonly string[];
}

/** Whom names are delegated to, asked where that is decided: a resolver tells of servers that answer only. */
export interface Delegations {
  /** Empty: to nobody. `undefined`: nobody can say at the moment. */
  of(zone: string): Promise<readonly Delegate[] | undefined>;
}

type Above = NonNullable<Awaited<ReturnType<Lookup['above']>>>;

/** Servers of the zones above are the same for very many names, and hardly ever change. */
const kept = { ms: 3_600_000, most: 1_000 } as const;

/** `servers` as for `createNameResolver`; the first of them finds the servers of the zones above. */
export function createDelegations(servers: string, clock: Clock, signal: AbortSignal): Delegations {
  const known = new Map<string, { readonly untilMs: number; readonly servers: readonly NameServer[] }>();
  const serversAbove = async (zone: string, lookup: Lookup): Promise<readonly NameServer[] | undefined> => {
    const parent = zone.slice(zone.indexOf('.') + 1);
    const before = known.get(parent);
    if (before !== undefined && clock.now() < before.untilMs) return before.servers;
    const above: Above | undefined = await lookup.above(zone);
    if (above === undefined) return undefined;
    if (known.size >= kept.most) known.clear();
    known.set(parent, { untilMs: clock.now() + kept.ms, servers: above.servers });
    return above.servers;
  };
  return {
    of: async (zone) => {
      const server = parseServerAddress(servers.split(',')[0] || (getServers()[0] ?? ''));
      if (server === undefined) return undefined;
      try {
        const ask = async (...[asked, question]: Parameters<typeof askDns>) => await askDns(asked, question, signal);
        const lookup = await openLookup((asked, question) => ask(asked, question, signal), server, zone);
        const above = await serversAbove(zone, lookup);
        return above === undefined
          ? undefined
          : delegatesIn(await askFirst(lookup, above, { name: zone, type: 'NS' }), zone);
      } catch (err) {
        if (err instanceof HostError) return undefined;
        throw err;
      }
    },
  };
}

function delegatesIn(
  { status, records, authorities, additionals }: Awaited<ReturnType<typeof askDns>>,
  zone: string,
): readonly Delegate[] | undefined {
  if (status !== 'NOERROR' && status !== 'NXDOMAIN') return undefined;
  const named = [...records, ...authorities].filter(({ type, name }) => type === 'NS' && name === rootedName(zone));
  return named
    .flatMap(({ content }) => content ?? [])
    .map((server) => ({
      name: server.replace(/[.]$/, ''),
      addresses: additionals
        .filter(({ type, name }) => (type === 'A' || type === 'AAAA') && name === server)
        .flatMap(({ content }) => content ?? []),
    }));
}
