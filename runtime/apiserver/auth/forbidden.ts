import { qualified } from '#runtime/apiserver/http/api-errors.ts';
import type { RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { ApiError } from '#runtime/base/errors.ts';

/** The 403 of a request that no rule allows, in the words that kubectl prints. `reason` is what the authorizer adds. */
export function forbiddenRequest(attributes: RequestAttributes, reason = ''): ApiError {
  const suffix = reason === '' ? '' : `: ${reason}`;
  const user = JSON.stringify(attributes.user.name);
  if (!attributes.resourceRequest) {
    const text = `User ${user} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}${suffix}`;
    return new ApiError(403, 'Forbidden', `forbidden: ${escapeMarkup(text)}`);
  }
  const named = qualified(attributes);
  const subject = attributes.name === '' ? named : `${named} ${JSON.stringify(attributes.name)}`;
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const where =
    attributes.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(attributes.namespace)}`;
  const text = `${subject} is forbidden: User ${user} cannot ${attributes.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)} ${where}${suffix}`;
  return new ApiError(403, 'Forbidden', escapeMarkup(text), detailsOf(attributes));
}

/** `["a" "b"]`: how lists of names stand in messages about users and rules. */
export function quotedList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
}

/** `user "jane" (groups=["a" "b"])` */
export function userPhrase(user: UserInfo): string {
  return `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
}

function detailsOf(object: { readonly group: string; readonly resource: string; readonly name: string }) {
  return {
    kind: object.resource,
    ...(object.group === '' ? {} : { group: object.group }),
    ...(object.name === '' ? {} : { name: object.name }),
  };
}

/** Names come from the caller and the text may be shown in a page. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
