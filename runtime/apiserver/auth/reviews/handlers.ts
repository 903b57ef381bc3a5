import type { RbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import type { TokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import { createLiveTokenReader } from '#runtime/apiserver/auth/tokens/live-token.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import { localSubjectAccessReview, selfSubjectAccessReview, subjectAccessReview } from './access.ts';
import { selfSubjectReview, tokenReview } from './identity.ts';
import type { ReviewHandler } from './review.ts';
import { selfSubjectRulesReview } from './rules.ts';
import { tokenRequest } from './token-request.ts';

/**
 * What answers a create of a kind that is not stored, by `<group or "core">/<resource>[/<subresource>]`. All versions of a kind share one: the answer
 * carries the apiVersion that was asked in. Whether the caller may ask is decided before.
 */
export function createReviewHandlers(options: {
  readonly authorizer: RbacAuthorizer;
  readonly tokens: TokenIssuer;
  readonly cache: WatchCache;
}): Readonly<Record<string, ReviewHandler>> {
  const { authorizer, tokens } = options;
  return {
    'authorization.k8s.io/subjectaccessreviews': subjectAccessReview(authorizer),
    'authorization.k8s.io/localsubjectaccessreviews': localSubjectAccessReview(authorizer),
    'authorization.k8s.io/selfsubjectaccessreviews': selfSubjectAccessReview(authorizer),
    'authorization.k8s.io/selfsubjectrulesreviews': selfSubjectRulesReview(authorizer),
    'authentication.k8s.io/tokenreviews': tokenReview(createLiveTokenReader(options), tokens.issuer),
    'authentication.k8s.io/selfsubjectreviews': selfSubjectReview,
    'core/serviceaccounts/token': tokenRequest(options),
  };
}
