import {
  credentialKey,
  serviceAccountGroups,
  serviceAccountUserName,
  wellKnownGroups,
} from '#runtime/apiserver/auth/users.ts';
import type { UserInfo } from '#runtime/apiserver/operations.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { ObjectMark, TokenClaims } from './claims.ts';
import type { TokenIssuer } from './issuer.ts';

/** Who a token stands for now, and for which of the audiences asked for. */
export interface LiveToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** Checks tokens against what exists at this moment. */
export interface LiveTokenReader {
  /** `undefined` for a token that is wrong, expired, revoked, or for none of `audiences` (the server's own when empty). */
  read(token: string, audiences?: readonly string[]): Promise<LiveToken | undefined>;
}

export const serviceAccountCollection = 'core/serviceaccounts';
export const secretCollection = 'core/secrets';

/**
 * A token is good as long as its ServiceAccount (and the Secret that it is bound to) is the very object that it was made for and is not being deleted.
 * Looked up in the cache each time: revoking needs no list and takes effect with the cache.
 */
export function createLiveTokenReader(options: {
  readonly tokens: TokenIssuer;
  readonly cache: WatchCache;
}): LiveTokenReader {
  const { tokens, cache } = options;
  const users = new WeakMap<TokenClaims, UserInfo>();
  return {
    read: async (token, audiences = []) => {
      const claims = await tokens.verify(token);
      if (claims === undefined) return undefined;
      const accepted = audiences.length === 0 ? [tokens.issuer] : audiences;
      const common = claims.audiences.filter((audience) => accepted.includes(audience));
      if (common.length === 0 || !isAlive(cache, claims)) return undefined;
      // One UserInfo per token: the authorizer keeps what it derives from it.
      const user = users.get(claims) ?? userOf(claims);
      users.set(claims, user);
      return { user, audiences: common };
    },
  };
}

function isAlive(cache: WatchCache, claims: TokenClaims): boolean {
  const { namespace, serviceAccount, secret } = claims;
  if (!isSameLiveObject(cache, { collection: serviceAccountCollection, namespace, mark: serviceAccount })) return false;
  return secret === undefined || isSameLiveObject(cache, { collection: secretCollection, namespace, mark: secret });
}

function isSameLiveObject(
  cache: WatchCache,
  wanted: { readonly collection: string; readonly namespace: string; readonly mark: ObjectMark },
): boolean {
  const metadata = cache.get(wanted.collection, wanted.namespace, wanted.mark.name)?.object.metadata;
  return metadata?.uid === wanted.mark.uid && metadata.deletionTimestamp === undefined;
}

function userOf(claims: TokenClaims): UserInfo {
  const { namespace, serviceAccount } = claims;
  return {
    name: serviceAccountUserName({ namespace, name: serviceAccount.name }),
    uid: serviceAccount.uid,
    groups: [...serviceAccountGroups(namespace), wellKnownGroups.authenticated],
    extra: { [credentialKey]: [`JTI=${claims.tokenId}`] },
  };
}
