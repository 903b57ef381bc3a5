import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  webcrypto,
  type KeyObject,
} from 'node:crypto';
import { InvalidError } from '#runtime/base/errors.ts';

/** A key pair as WebCrypto takes it, and what it signs with. */
export interface SigningKeys {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly signingAlgorithm: { readonly name: string; readonly hash: string };
}

/** What a key is to be: ECDSA on P-256 or P-384, or RSA, by its size in bits. */
export interface KeyKind {
  readonly algorithm: 'ECDSA' | 'RSA';
  readonly size: number;
}

const curves: Readonly<Record<string, { readonly namedCurve: string; readonly hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
};

/** A new private key: PKCS #8, PEM. */
export function newKey({ algorithm, size }: KeyKind = { algorithm: 'ECDSA', size: 256 }): string {
  const { privateKey } =
    algorithm === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: size })
      : generateKeyPairSync('ec', { namedCurve: size === 384 ? 'P-384' : 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** What a private key is; `undefined` for what is none, or of another kind. */
export function kindOfKey(pem: string): KeyKind | undefined {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    if (asymmetricKeyType === 'rsa') return { algorithm: 'RSA', size: asymmetricKeyDetails?.modulusLength ?? 0 };
    const curve = curves[asymmetricKeyDetails?.namedCurve ?? ''];
    return curve && { algorithm: 'ECDSA', size: curve.namedCurve === 'P-384' ? 384 : 256 };
  } catch {
    // Whatever stands there is no key.
    return undefined;
  }
}

/** SHA-256 of the public part of a private key, hexadecimal; `undefined` for what is no key. */
export function digestOfKey(pem: string): string | undefined {
  if (kindOfKey(pem) === undefined) return undefined;
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/** InvalidError for a key of another kind than we make. */
export async function signingKeysOf(pem: string): Promise<SigningKeys> {
  const key = createPrivateKey(pem);
  const algorithm = algorithmOf(key);
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey('pkcs8', derOf(key, 'pkcs8'), algorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', derOf(createPublicKey(pem), 'spki'), algorithm, true, ['verify']),
  };
  return { keys, signingAlgorithm: { name: algorithm.name, hash: algorithm.hash } };
}

function algorithmOf(key: KeyObject): { readonly name: string; readonly hash: string; readonly namedCurve?: string } {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (curve === undefined) throw new InvalidError('the key is neither RSA nor ECDSA on P-256 or P-384', []);
  return { name: 'ECDSA', ...curve };
}

function derOf(key: KeyObject, type: 'pkcs8' | 'spki'): Buffer {
  return key.export({ format: 'der', type: type as 'pkcs8' });
}
