import { contentOf, rootedName } from '#schemas/meta/record-content.ts';
import { contentOfPresented, unrooted, wordsOf } from '#runtime/drivers/dns-providers/presentation.ts';
import type { KnownRecord, OneRecord } from '#runtime/drivers/dns-providers/record-steps.ts';

/** A record as the API has it; `data` instead of `content` where a type has several parts. */
export interface CloudflareRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content?: string;
  readonly priority?: number;
  readonly data?: Readonly<Record<string, string | number>>;
  /** Seconds; 1 leaves it to Cloudflare. */
  readonly ttl: number;
  /** Visitors are led to Cloudflare instead. */
  readonly proxied?: boolean;
}

/** Parts of a content by the names that they have in `data`, in order; names of hosts are marked. */
const parts: Readonly<Record<string, readonly string[]>> = {
  CAA: ['flags', 'tag', 'value'],
  DS: ['key_tag', 'algorithm', 'digest_type', 'digest'],
  HTTPS: ['priority', 'target', 'value'],
  NAPTR: ['order', 'preference', 'flags', 'service', 'regex', 'replacement'],
  SRV: ['priority', 'weight', 'port', 'target'],
  SSHFP: ['algorithm', 'type', 'fingerprint'],
  SVCB: ['priority', 'target', 'value'],
  TLSA: ['usage', 'selector', 'matching_type', 'certificate'],
};
const names: readonly string[] = ['target', 'replacement'];
const texts: readonly string[] = ['tag', 'value', 'digest', 'fingerprint', 'certificate', 'flags', 'service', 'regex'];
const quoted: Readonly<Record<string, readonly string[]>> = {
  CAA: ['value'],
  NAPTR: ['flags', 'service', 'regex'],
};
const ofNames: readonly string[] = ['CNAME', 'NS', 'PTR'];

export const cloudflareTypes: ReadonlySet<string> = new Set([
  'A',
  'AAAA',
  'MX',
  'TXT',
  ...ofNames,
  ...Object.keys(parts),
]);

/** What is sent of a record. At the zone itself a CNAME is answered as the addresses behind it, which is what ALIAS means. */
export function bodyOf({ name, type, ttlSeconds, content }: OneRecord): Omit<CloudflareRecord, 'id'> {
  const shared = { name: unrooted(name), type: type === 'ALIAS' ? 'CNAME' : type, ttl: ttlSeconds };
  if (type === 'MX') {
    const [priority = '', target = ''] = content.split(' ');
    return { ...shared, priority: Number(priority), content: unrooted(target) };
  }
  const named = parts[type];
  if (named !== undefined) return { ...shared, data: dataOf(named, content) };
  const isProxiable = ['A', 'AAAA', 'CNAME'].includes(shared.type);
  const isName = ofNames.includes(shared.type);
  return { ...shared, content: isName ? unrooted(content) : content, ...(isProxiable ? { proxied: false } : {}) };
}

function dataOf(named: readonly string[], content: string): NonNullable<CloudflareRecord['data']> {
  const words = wordsOf(content);
  return Object.fromEntries(
    named.map((part, index) => {
      // Parameters of SVCB are the rest.
      const word = index === named.length - 1 ? words.slice(index).join(' ') : (words[index] ?? '');
      if (names.includes(part)) return [part, unrooted(word)];
      return [part, isNumber(part, named) ? Number(word) : word];
    }),
  );
}

function isNumber(part: string, named: readonly string[]): boolean {
  return !texts.includes(part) || (part === 'flags' && named.length === 3);
}

/** A record as it was found; `isForeign` where it says what no DNSRecord can. */
export function recordOf(
  { id, name, type, ttl, proxied, ...record }: CloudflareRecord,
  zone: string,
): KnownRecord & { readonly isForeign?: boolean } {
  const whole = rootedName(name);
  const content = contentIn(type, record);
  return {
    id,
    name: whole,
    type: type === 'CNAME' && whole === zone ? 'ALIAS' : type,
    ttlSeconds: ttl,
    content: content ?? record.content ?? '',
    ...(content === undefined ? { isForeign: true } : {}),
    // Whatever it says, visitors find Cloudflare there.
    ...(proxied === true ? { ttlSeconds: 1 } : {}),
  };
}

function contentIn(
  type: string,
  { content = '', priority, data = {} }: Pick<CloudflareRecord, 'content' | 'priority' | 'data'>,
): string | undefined {
  const named = parts[type];
  if (named !== undefined) {
    const words = named.map((part) => presented(data[part] ?? '', quoted[type]?.includes(part) === true));
    return contentOfPresented(type, words.join(' '));
  }
  if (type === 'MX') return contentOfPresented(type, `${String(priority)} ${content}`);
  // Texts that were written without quotes come back so.
  if (type === 'TXT' && !content.startsWith('"')) return contentOf(type, content);
  return contentOfPresented(type, content);
}

function presented(value: string | number, isQuoted: boolean): string {
  return isQuoted ? `"${String(value)}"` : String(value);
}
