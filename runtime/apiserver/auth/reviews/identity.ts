import type { LiveTokenReader } from '#runtime/apiserver/auth/tokens/live-token.ts';
import type { UserInfo } from '#runtime/apiserver/operations.ts';
import { answered, invalidReview, specOf, textOf, textsOf, type ReviewHandler } from './review.ts';

/** TokenReview: whose token is this? A bad token is an answer, not an error. */
export function tokenReview(tokens: LiveTokenReader, ownAudience: string): ReviewHandler {
  return async (request) => {
    const spec = specOf(request.object);
    const token = textOf(spec, 'token');
    if (token === '') {
      const message = 'Required value: the token to look at';
      const fault = { field: 'spec.token', reason: 'FieldValueRequired', message };
      throw invalidReview(request.object, 'authentication.k8s.io', fault);
    }
    const audiences = textsOf(spec, 'audiences');
    const live = await tokens.read(token, audiences.length === 0 ? [ownAudience] : audiences);
    // The token is not sent back: answers are logged and cached by clients.
    const echo = { ...request, object: { ...request.object, spec: { ...spec, token: '' } } };
    if (live === undefined) return answered(echo, { error: 'the token is not valid' });
    return answered(echo, { authenticated: true, user: userStatus(live.user), audiences: live.audiences });
  };
}

/** SelfSubjectReview: who am I? What `kubectl auth whoami` asks. */
export const selfSubjectReview: ReviewHandler = async (request) =>
  answered(request, { userInfo: userStatus(request.user) });

function userStatus(user: UserInfo): Readonly<Record<string, unknown>> {
  return {
    username: user.name,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  };
}
