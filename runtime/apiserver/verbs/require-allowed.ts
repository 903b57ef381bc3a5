import { forbiddenRequest } from '#runtime/apiserver/auth/forbidden.ts';
import type { ApiRequest, VerbContext } from './context.ts';

/** 403 unless the user of a request may do something that the request turned out to need. */
export function requireAllowed(context: VerbContext, attributes: ApiRequest['attributes']): void {
  const decision = context.authorizer.authorize(attributes);
  if (!decision.allowed) throw forbiddenRequest(attributes, decision.reason);
}
