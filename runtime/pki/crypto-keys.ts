import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  webcrypto,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { InvalidError } from '#runtime/base/errors.ts';
import { createTurns } from '#runtime/base/turns.ts';

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

const generate = promisify(generateKeyPair);

/** A new private key, ECDSA on P-256: PKCS #8, PEM. */
export function newKey(): string {
  return pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

/** RSA takes up to seconds on one of the few threads that files are read on, too. */
const turns = createTurns(1);

/** As newKey, of any kind, while others go on. Rejects when the signal aborts before its turn has come. */
export async function newKeyOf(kind: KeyKind, signal: AbortSignal): Promise<string> {
  return await turns.take(async () => pemOf(await generateOf(kind)), signal);
}

async function generateOf({ algorithm, size }: KeyKind): Promise<KeyObject> {
  if (algorithm === 'RSA') return (await generate('rsa', { modulusLength: size })).privateKey;
  return (await generate('ec', { namedCurve: size === 384 ? 'P-384' : 'P-256' })).privateKey;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
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
