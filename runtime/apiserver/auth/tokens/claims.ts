import { parseServiceAccountUserName } from '#runtime/apiserver/auth/users.ts';
import { isRecord } from '#runtime/base/json.ts';

/** Which very object: a name that was given again has another uid. */
export interface ObjectMark {
  readonly name: string;
  readonly uid: string;
}

/** What a verified token says. */
export interface TokenClaims {
  readonly tokenId: string;
  readonly namespace: string;
  readonly serviceAccount: ObjectMark;
  readonly secret: ObjectMark | undefined;
  readonly audiences: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
}

/** Reads the claims of a payload whose signature is good; `undefined` when it is not the form that we sign. */
export function claimsOf(payload: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const { jti, exp, aud } = payload;
  const bound = boundObjects(payload['kubernetes.io'], payload['sub']);
  if (bound === undefined || typeof jti !== 'string') return undefined;
  if (typeof exp !== 'number' && bound.secret === undefined) return undefined;
  const expiresAtMs = typeof exp === 'number' ? exp * 1000 : undefined;
  return { ...bound, tokenId: jti, audiences: audiencesOf(aud), expiresAtMs };
}

function boundObjects(
  own: unknown,
  sub: unknown,
): Pick<TokenClaims, 'namespace' | 'serviceAccount' | 'secret'> | undefined {
  if (!isRecord(own) || typeof sub !== 'string') return undefined;
  // What is bound to something that we cannot look up would never be revoked.
  if (own['pod'] !== undefined || own['node'] !== undefined) return undefined;
  const subject = parseServiceAccountUserName(sub);
  const serviceAccount = markOf(own['serviceaccount']);
  if (subject === undefined || serviceAccount?.name !== subject.name) return undefined;
  if (own['namespace'] !== subject.namespace) return undefined;
  return { namespace: subject.namespace, serviceAccount, secret: markOf(own['secret']) };
}

function markOf(value: unknown): ObjectMark | undefined {
  if (!isRecord(value)) return undefined;
  const { name, uid } = value;
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

function audiencesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((audience) => typeof audience === 'string') : [];
}
