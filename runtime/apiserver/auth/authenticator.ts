import type { Authenticator, Credentials, UserInfo } from '#runtime/apiserver/operations.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { TokenIssuer } from './tokens/issuer.ts';
import { createLiveTokenReader } from './tokens/live-token.ts';
import { anonymousUser, credentialKey, withAuthenticatedGroup } from './users.ts';

export interface AuthenticatorOptions {
  readonly tokens: TokenIssuer;
  readonly cache: WatchCache;
}

/**
 * Who is asking: the subject of a client certificate, else the ServiceAccount of a bearer token, else nobody (`system:anonymous`).
 *
 * Guarantees: whatever stands in `Authorization` and cannot be checked is refused, never taken for nobody.
 * Assumes that a certificate in `credentials` was verified against the client CA.
 * Errors: ApiError 401.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const tokens = createLiveTokenReader(options);
  const certificateUsers = new WeakMap<object, UserInfo>();
  return {
    authenticate: async (credentials) => {
      const byCertificate = certificateUser(credentials.certificate, certificateUsers);
      if (byCertificate !== undefined) return byCertificate;
      const authorization = credentials.authorization?.trim() ?? '';
      if (authorization === '') return anonymousUser;
      const token = bearerToken(authorization);
      const live = token === undefined ? undefined : await tokens.read(token);
      if (live === undefined) throw unauthorized();
      return live.user;
    },
  };
}

/** The answer to credentials that are wrong. */
export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** One UserInfo per certificate, which the listener keeps per connection: what the authorizer derives from a user hangs on that value. */
function certificateUser(
  certificate: Credentials['certificate'],
  known: WeakMap<object, UserInfo>,
): UserInfo | undefined {
  if (certificate === undefined || certificate.commonName === '') return undefined;
  const found = known.get(certificate);
  if (found !== undefined) return found;
  const { commonName, organizations, sha256 } = certificate;
  const extra = { [credentialKey]: [`X509SHA256=${sha256}`] };
  const user = withAuthenticatedGroup({ name: commonName, groups: organizations, extra });
  known.set(certificate, user);
  return user;
}

function bearerToken(authorization: string): string | undefined {
  const [scheme, token, rest] = authorization.split(/ +/, 3);
  return scheme?.toLowerCase() === 'bearer' && rest === undefined ? token : undefined;
}
