import type { Answer } from 'dns-packet';
import { contentOf, rootedName } from '#schemas/meta/record-content.ts';

type DataOf<T extends Answer['type']> = Extract<Answer, { readonly type: T; readonly data: unknown }>['data'];
type Spellings = { readonly [T in Answer['type']]?: (data: DataOf<T>) => string | undefined };

const spellings: Spellings = {
  A: (data) => data,
  AAAA: (data) => contentOf('AAAA', data),
  CNAME: nameOf,
  NS: nameOf,
  PTR: nameOf,
  // A letter may begin in one string and end in the next.
  TXT: (data) => contentOf('TXT', Buffer.concat([data].flat().map((part) => Buffer.from(part))).toString('utf8')),
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }) =>
    [nameOf(mname), nameOf(rname), serial, refresh, retry, expire, minimum].join(' '),
  CAA: ({ flags = 0, tag, value }) => `${flags} ${tag} "${value}"`,
  MX: ({ preference = 0, exchange }) => `${preference} ${nameOf(exchange)}`,
  SRV: ({ priority = 0, weight = 0, port, target }) => `${priority} ${weight} ${port} ${nameOf(target)}`,
  NAPTR: ({ order, preference, flags, services, regexp, replacement }) =>
    `${order} ${preference} "${flags}" "${services}" "${regexp}" ${nameOf(replacement)}`,
  DS: ({ keyTag, algorithm, digestType, digest }) => `${keyTag} ${algorithm} ${digestType} ${digest.toString('hex')}`,
  DNSKEY: ({ flags, algorithm, key }) => `${flags} 3 ${algorithm} ${key.toString('base64')}`,
  SSHFP: ({ algorithm, hash, fingerprint }) => `${algorithm} ${hash} ${fingerprint.toLowerCase()}`,
  TLSA: ({ usage, selector, matchingType, certificate }) =>
    `${usage} ${selector} ${matchingType} ${certificate.toString('hex')}`,
};

/** The data of an answer in the spelling that servers store it in; `undefined` for types that are not looked into. */
export function answeredContent(answer: Exclude<Answer, { readonly type: 'OPT' }>): string | undefined {
  const spell = spellings[answer.type] as ((data: typeof answer.data) => string | undefined) | undefined;
  return spell?.(answer.data);
}

/** The codec writes the root as a dot, and every other name without one. */
function nameOf(name: string): string {
  return name === '.' ? name : rootedName(name);
}
