import { HostError } from '#runtime/base/errors.ts';
import { rootedName } from '#schemas/meta/record-content.ts';
import { askDns, type DnsAnswer, type DnsServer } from './ask.ts';

/** What a zone above has of a zone. */
export interface ParentDs {
  /** `12345 13 2 5f78…` */
  readonly contents: readonly string[];
  /** For so long others may go by these still once they are gone; 0 where there are none. */
  readonly rememberedSeconds: number;
}

const daySeconds = 86_400;
/** No resolver remembers anything for longer, whatever its TTL (BIND's max-cache-ttl). */
const mostSeconds = 7 * daySeconds;

/** Nobody but us has names there (RFC 6761, RFC 2606). */
const reserved = /(^|[.])(test|example|invalid|localhost)[.]$/;

/**
 * DS of a zone as those who validate find them. Our own server knows when it has the zone above, too; else resolvers are asked, one after the other. HostError when
 * none of them knows.
 */
export async function parentDs(
  name: string,
  { own, resolvers }: { readonly own: DnsServer; readonly resolvers: readonly DnsServer[] },
  signal: AbortSignal,
): Promise<ParentDs> {
  const zone = rootedName(name);
  const ours = await askDns(own, { name: zone, type: 'DS' }, signal);
  if (isOfParent(ours, zone) || reserved.test(zone)) return dsIn(ours, zone, 0);
  for (const resolver of resolvers) {
    const answer = await askDns(resolver, { name: zone, type: 'DS', isRecursive: true }, signal).catch(
      (err: unknown) => {
        if (err instanceof HostError) return undefined;
        throw err;
      },
    );
    if (answer !== undefined && ['NOERROR', 'NXDOMAIN'].includes(answer.status))
      // It tells for how long it remembers them itself; others may have asked later.
      return dsIn(answer, zone, daySeconds);
  }
  throw new HostError(`no resolver tells whether the zone above ${name} has a DS of it`);
}

function isOfParent({ isAuthoritative, authorities, records }: DnsAnswer, zone: string): boolean {
  return (
    isAuthoritative &&
    [...records, ...authorities].some(({ type, name }) => type === 'DS' || (type === 'SOA' && name !== zone))
  );
}

function dsIn({ records }: DnsAnswer, zone: string, leastSeconds: number): ParentDs {
  const found = records.filter(({ type, name }) => type === 'DS' && name === zone);
  const seconds = Math.max(leastSeconds, ...found.map(({ ttlSeconds }) => ttlSeconds));
  return {
    contents: found.flatMap(({ content }) => content ?? []),
    rememberedSeconds: found.length === 0 ? 0 : Math.min(seconds, mostSeconds),
  };
}
