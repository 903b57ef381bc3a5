/** Whether names of a certificate, or of claims, cover a hostname or wildcard: `*.x` stands for one label (RFC 9525 §6.3). */
export function coversName(names: readonly string[], wanted: string): boolean {
  return names.includes(wanted) || (!wanted.startsWith('*.') && names.includes(wildcardOver(wanted)));
}

/** `*.acme.example` for `shop.acme.example`. */
export function wildcardOver(name: string): string {
  return `*${name.slice(name.indexOf('.'))}`;
}
