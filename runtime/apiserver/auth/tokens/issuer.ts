import { createHash, createPrivateKey, createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import { SignJWT, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { serviceAccountUserName } from '#runtime/apiserver/auth/users.ts';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { BugError } from '#runtime/base/errors.ts';
import { claimsOf, type ObjectMark, type TokenClaims } from './claims.ts';

/** What a token is made for. */
export interface TokenOrder {
  readonly namespace: string;
  readonly serviceAccount: ObjectMark;
  /** The token dies with this Secret. */
  readonly secret?: ObjectMark;
  /** The issuer itself when empty. */
  readonly audiences?: readonly string[];
  /** `undefined`: never, allowed only when bound to a Secret. */
  readonly lifetimeSeconds: number | undefined;
}

export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch; `undefined` for a token without an end. */
  readonly expiresAtMs: number | undefined;
}

/**
 * Signs and verifies ServiceAccount tokens (JWT, ES256; Kubernetes docs, "Managing Service Accounts"; RFC 7519, RFC 8725).
 *
 * Guarantees: `verify` accepts only ES256 by a key of ours, only our issuer, only within the times; it says nothing about whether the account still exists.
 * A token that was verified once costs one hash until it expires.
 * Errors: none for a bad token, which is `undefined`.
 */
export interface TokenIssuer {
  /** The `iss` claim, and the audience that the API server itself accepts. */
  readonly issuer: string;
  issue(order: TokenOrder): Promise<IssuedToken>;
  verify(token: string): Promise<TokenClaims | undefined>;
  /** The public keys as a JWK set (`/openid/v1/jwks`). */
  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** OpenID provider metadata (`/.well-known/openid-configuration`); `jwksUri` is where clients find the keys. */
  openidConfiguration(jwksUri: string): Readonly<Record<string, unknown>>;
}

export interface TokenIssuerOptions {
  /** The signing key, PKCS #8 in PEM, an EC key on P-256. */
  readonly key: string;
  readonly issuer: string;
  /** Keys that signed before a rotation: tokens of theirs are still accepted. Private or public, PEM. */
  readonly previousKeys?: readonly string[];
  readonly clock?: Clock;
}

interface VerificationKey {
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
}

const algorithm = 'ES256';
/** About 2 KB each with the claims; the oldest goes first. */
const maxVerified = 10_000;
/** Longer than any token of ours: nothing is parsed beyond it. */
const maxTokenLength = 8192;

export function createTokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  const { issuer } = options;
  const clock = options.clock ?? systemClock;
  const privateKey = createPrivateKey(options.key);
  const current = verificationKey(createPublicKey(privateKey));
  const keys = [current, ...(options.previousKeys ?? []).map((pem) => verificationKey(createPublicKey(pem)))];
  const verified = new Map<string, TokenClaims>();

  const verifyOnce = async (token: string): Promise<TokenClaims | undefined> => {
    try {
      const id = decodeProtectedHeader(token).kid;
      const key = keys.find((candidate) => candidate.id === id);
      if (key === undefined) return undefined;
      const { payload } = await jwtVerify(token, key.publicKey, {
        algorithms: [algorithm],
        issuer,
        currentDate: new Date(clock.now()),
      });
      return claimsOf(payload);
    } catch (err) {
      // Only what jose says about the token is an answer; a TypeError from it means text that is no token at all.
      if (err instanceof errors.JOSEError || err instanceof TypeError) return undefined;
      throw err;
    }
  };

  return {
    issuer,
    issue: (order) => sign(order, { issuer, privateKey, keyId: current.id, nowMs: clock.now() }),
    verify: async (token) => {
      if (token.length > maxTokenLength) return undefined;
      const hash = createHash('sha256').update(token).digest('base64');
      const known = verified.get(hash);
      if (known !== undefined) {
        if (known.expiresAtMs === undefined || clock.now() < known.expiresAtMs) return known;
        verified.delete(hash);
        return undefined;
      }
      const claims = await verifyOnce(token);
      if (claims !== undefined) remember(verified, hash, claims);
      return claims;
    },
    jwks: () => ({ keys: keys.map((key) => key.jwk) }),
    openidConfiguration: (jwksUri) => ({
      issuer,
      jwks_uri: jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [algorithm],
    }),
  };
}

async function sign(
  order: TokenOrder,
  by: { readonly issuer: string; readonly privateKey: KeyObject; readonly keyId: string; readonly nowMs: number },
): Promise<IssuedToken> {
  const { namespace, serviceAccount, secret, lifetimeSeconds } = order;
  if (lifetimeSeconds === undefined && secret === undefined) throw new BugError('a token without end must be bound');
  const nowSeconds = Math.floor(by.nowMs / 1000);
  const audiences = order.audiences === undefined || order.audiences.length === 0 ? [by.issuer] : [...order.audiences];
  const jwt = new SignJWT({
    'kubernetes.io': {
      namespace,
      serviceaccount: serviceAccount,
      ...(secret === undefined ? {} : { secret }),
    },
  })
    .setProtectedHeader({ alg: algorithm, kid: by.keyId })
    .setIssuer(by.issuer)
    .setSubject(serviceAccountUserName({ namespace, name: serviceAccount.name }))
    .setAudience(audiences)
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds)
    .setJti(randomUUID());
  if (lifetimeSeconds === undefined) return { token: await jwt.sign(by.privateKey), expiresAtMs: undefined };
  const expires = nowSeconds + lifetimeSeconds;
  return { token: await jwt.setExpirationTime(expires).sign(by.privateKey), expiresAtMs: expires * 1000 };
}

/** The key id is the JWK thumbprint (RFC 7638), so that it needs no storage. */
function verificationKey(publicKey: KeyObject): VerificationKey {
  if (publicKey.asymmetricKeyType !== 'ec' || publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new BugError('the ServiceAccount key must be an EC key on P-256');
  }
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const id = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { id, publicKey, jwk: { kty, crv, x, y, use: 'sig', alg: algorithm, kid: id } };
}

function remember(verified: Map<string, TokenClaims>, hash: string, claims: TokenClaims): void {
  if (verified.size >= maxVerified) {
    const oldest = verified.keys().next();
    if (oldest.done !== true) verified.delete(oldest.value);
  }
  verified.set(hash, claims);
}
