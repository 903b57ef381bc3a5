/** One CAA record (RFC 8659). */
export interface CertificateAuthorization {
  /** `issue`, `issuewild`, `iodef`, … */
  readonly tag: string;
  /** `letsencrypt.org; accounturi=…`; `;` for nobody. */
  readonly value: string;
}

/** Names of the CAs that the records which hold for a name let issue for it (RFC 8659 §4.2); `undefined` when they keep nobody from it. */
export function issuersIn(
  records: readonly CertificateAuthorization[],
  isWildcard: boolean,
): readonly string[] | undefined {
  const tagged = (wanted: string) => records.filter(({ tag }) => tag.toLowerCase() === wanted);
  const wild = isWildcard ? tagged('issuewild') : [];
  const relevant = wild.length > 0 ? wild : tagged('issue');
  if (relevant.length === 0) return undefined;
  return relevant.map(({ value }) => value.split(';')[0]?.trim().toLowerCase() ?? '').filter((name) => name !== '');
}

/** A record as a zone file has it, such as `0 issue "letsencrypt.org"`; `undefined` for what is none. */
export function parseAuthorization(content: string): CertificateAuthorization | undefined {
  const [, tag, value] = /^\d+ (\w+) "(.*)"$/.exec(content) ?? [];
  return tag === undefined || value === undefined ? undefined : { tag, value };
}
