import { Resolver } from 'node:dns/promises';
import type { CertificateAuthorization } from './caa.ts';
import { namesAbove } from './lookup.ts';

/** What the DNS says of a name, as a resolver that asks others for us sees it. `undefined`: nobody can say at the moment. */
export interface NameResolver {
  /** IPv4 and IPv6 addresses; empty when it has none. */
  addresses(name: string): Promise<readonly string[] | undefined>;
  /** The CAA records that hold for it: its own, or those of the nearest name above that has any (RFC 8659 §3); empty when there are none. */
  authorizations(name: string): Promise<readonly CertificateAuthorization[] | undefined>;
  /** The TXT records of a name, each as one text, that more than half of the servers say it has. */
  texts(name: string): Promise<readonly string[] | undefined>;
}

const timeoutMs = 2_000;
const tries = 2;

/** `servers` are `ADDRESS` or `ADDRESS:PORT` with commas between; the machine's own resolvers when it is empty. */
export function createNameResolver(servers: string): NameResolver {
  const named = servers.split(',').filter((server) => server !== '');
  // Each remembers its answers; what people have just mended is to be seen.
  const open = (asked: readonly string[] = named): Resolver => {
    const resolver = new Resolver({ timeout: timeoutMs, tries });
    if (asked.length > 0) resolver.setServers(asked);
    return resolver;
  };
  return {
    addresses: async (name) => {
      const resolver = open();
      const found = await Promise.all([
        answered(async () => await resolver.resolve4(name)),
        answered(async () => await resolver.resolve6(name)),
      ]);
      const known = found.flatMap((addresses) => addresses ?? []);
      return known.length === 0 && found.includes(undefined) ? undefined : known;
    },
    authorizations: async (name) => {
      const resolver = open();
      for (const at of [name, ...namesAbove(name)]) {
        const records = await answered(async () => await resolver.resolveCaa(at));
        if (records === undefined || records.length > 0) return records?.flatMap(authorizationsOf);
      }
      return [];
    },
    // Whoever deceives one of several resolvers shows nothing by it.
    texts: async (name) => {
      const asked = named.length === 0 ? [named] : named.map((server) => [server]);
      const found = await Promise.all(
        asked.map(async (each) => await answered(async () => await open(each).resolveTxt(name))),
      );
      const answers = found.filter((texts) => texts !== undefined);
      if (answers.length * 2 <= asked.length) return undefined;
      const sets = answers.map((texts) => new Set(texts.map((parts) => parts.join(''))));
      const all = new Set(sets.flatMap((texts) => [...texts]));
      return [...all].filter((text) => sets.filter((texts) => texts.has(text)).length * 2 > asked.length);
    },
  };
}

/** Node names the property of a record, and its value, in one field. */
function authorizationsOf(record: object): readonly CertificateAuthorization[] {
  return Object.entries(record)
    .filter(([tag]) => tag !== 'critical' && tag !== 'type')
    .map(([tag, value]) => ({ tag, value: String(value) }));
}

/** Empty: surely nothing. `undefined`: no answer, or none that says so. */
async function answered<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[] | undefined> {
  try {
    return await ask();
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
  }
}
