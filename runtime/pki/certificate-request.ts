import { createPublicKey, verify } from 'node:crypto';
import { InvalidError } from '#runtime/base/errors.ts';
import { derTags, objectIdOf, readDer, readDerList, requireTag, type DerValue } from './der.ts';

/** One part of a name: `CN`, `O`, or the object id of any other. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
}

/** What a PKCS #10 request asks for (RFC 2986). */
export interface CertificateRequest {
  /** In the order in which they stand. */
  readonly subject: readonly NamePart[];
  /** The subject as it stands, DER. */
  readonly subjectDer: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Buffer;
  /** The value of the extension subjectAltName, DER; absent when none is asked for. */
  readonly alternativeNamesDer: Buffer | undefined;
  /** Whether there is anything beside subject and key. */
  readonly hasAttributes: boolean;
  /** Spelled as every reader reads it: one PEM block and nothing around it. */
  readonly isPlain: boolean;
  /** Proves that whoever asks has the key. */
  readonly isSigned: boolean;
}

const label = 'CERTIFICATE REQUEST';
const nameTypes: Readonly<Record<string, string>> = { '2.5.4.3': 'CN', '2.5.4.10': 'O' };
const extensionRequestId = '1.2.840.113549.1.9.14';
const alternativeNamesId = '2.5.29.17';

/** Reads the first request in a PEM text. InvalidError when there is none, or it is none. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const block = new RegExp(`-----BEGIN ${label}-----\\s([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(pem);
  if (block === null) throw new InvalidError(`PEM block type must be ${label}`, []);
  const der = Buffer.from(block[1] ?? '', 'base64');
  const [info, algorithm, signature] = readDerList(readDer(der, derTags.sequence).content);
  const signed = requireTag(info, derTags.sequence);
  const [version, subject, key, attributes, ...more] = readDerList(signed.content);
  requireTag(version, derTags.integer);
  if (more.length > 0) throw new InvalidError('the certificate request holds more than a certificate request', []);
  const subjectDer = requireTag(subject, derTags.sequence);
  const publicKeyDer = requireTag(key, derTags.sequence).whole;
  return {
    subject: namePartsOf(subjectDer),
    subjectDer: subjectDer.whole,
    publicKeyDer,
    alternativeNamesDer: alternativeNamesOf(attributes),
    hasAttributes: attributes !== undefined && attributes.content.length > 0,
    isPlain: pem.trimEnd() === pemOf(der),
    isSigned: isSignedBy(publicKeyDer, { signed: signed.whole, algorithm, signature }),
  };
}

/** The values of one type in the subject. */
export function valuesIn({ subject }: Pick<CertificateRequest, 'subject'>, type: 'CN' | 'O'): readonly string[] {
  return subject.filter((part) => part.type === type).map(({ value }) => value);
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join('\n');
}

function namePartsOf(name: DerValue): readonly NamePart[] {
  return readDerList(name.content)
    .flatMap((set) => readDerList(requireTag(set, derTags.set).content))
    .map((part) => {
      const [type, value] = readDerList(requireTag(part, derTags.sequence).content);
      const id = objectIdOf(type);
      return { type: nameTypes[id] ?? id, value: textOf(value) };
    });
}

const texts: readonly number[] = [derTags.utf8String, derTags.printableString];

/** Texts of other kinds are read in several ways, so that nobody is to be known by them. */
function textOf(value: DerValue | undefined): string {
  if (value === undefined || !texts.includes(value.tag))
    throw new InvalidError('names in a certificate request must be UTF8String or PrintableString', []);
  return value.content.toString('utf8');
}

function alternativeNamesOf(attributes: DerValue | undefined): Buffer | undefined {
  if (attributes === undefined) return undefined;
  for (const attribute of readDerList(requireTag(attributes, derTags.context0).content)) {
    const [type, values] = readDerList(requireTag(attribute, derTags.sequence).content);
    if (objectIdOf(type) !== extensionRequestId) continue;
    const [extensions] = readDerList(requireTag(values, derTags.set).content);
    for (const extension of readDerList(requireTag(extensions, derTags.sequence).content)) {
      const parts = readDerList(requireTag(extension, derTags.sequence).content);
      if (objectIdOf(parts[0]) === alternativeNamesId) return requireTag(parts.at(-1), derTags.octetString).content;
    }
  }
  return undefined;
}

/** Digests by the object id of the signature; `null` for keys that sign the text itself. */
const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

function isSignedBy(
  publicKeyDer: Buffer,
  by: { readonly signed: Buffer; readonly algorithm: DerValue | undefined; readonly signature: DerValue | undefined },
): boolean {
  const [id] = readDerList(requireTag(by.algorithm, derTags.sequence).content);
  const digest = digests[objectIdOf(id)];
  // The first byte says how many bits of the last are not used: none.
  const signature = requireTag(by.signature, derTags.bitString).content.subarray(1);
  if (digest === undefined) return false;
  try {
    return verify(digest, by.signed, createPublicKey({ key: publicKeyDer, format: 'der', type: 'spki' }), signature);
  } catch {
    // A key that cannot be read, or not of the kind that the signature says, has signed nothing.
    return false;
  }
}
