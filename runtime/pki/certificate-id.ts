import { derTags, objectIdOf, readDer, readDerList, requireTag } from './der.ts';

const authorityKeyIdentifierId = '2.5.29.35';
/** Context tags within a certificate (RFC 5280 §4.1) and an AuthorityKeyIdentifier (§4.2.1.1). */
const extensionsTag = 0xa3;
const keyIdentifierTag = 0x80;

/** By which a certificate names the key of its issuer; `undefined` when it does not. */
export function keyIdentifierOf(certificate: Buffer): Buffer | undefined {
  const value = extensionOf(certificate, authorityKeyIdentifierId);
  if (value === undefined) return undefined;
  return readDerList(readDer(value, derTags.sequence).content).find(({ tag }) => tag === keyIdentifierTag)?.content;
}

/** What an extension of a certificate holds, in DER; `undefined` when it has none of that id. */
export function extensionOf(certificate: Buffer, id: string): Buffer | undefined {
  const [body] = readDerList(readDer(certificate, derTags.sequence).content);
  const extensions = readDerList(requireTag(body, derTags.sequence).content).find(({ tag }) => tag === extensionsTag);
  if (extensions === undefined) return undefined;
  const [list] = readDerList(extensions.content);
  const found = readDerList(requireTag(list, derTags.sequence).content)
    .map((extension) => readDerList(requireTag(extension, derTags.sequence).content))
    .find(([name]) => objectIdOf(name) === id);
  return found === undefined ? undefined : requireTag(found.at(-1), derTags.octetString).content;
}

/** A number in hexadecimal as DER writes it: with a zero before what would be negative. */
export function base64urlOfInteger(hex: string): string {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const bytes = Buffer.from(even, 'hex');
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0;
  return (isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes).toString('base64url');
}
