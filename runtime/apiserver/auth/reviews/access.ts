import type { Authorizer, RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { isRecord } from '#runtime/base/json.ts';
import { answered, invalidReview, specOf, textOf, textsOf, type ReviewHandler, type ReviewRequest } from './review.ts';

const group = 'authorization.k8s.io';

/** SubjectAccessReview: may that user do this? */
export function subjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return async (request) => answered(request, statusOf(authorizer, attributesOf(request, reviewedUser(request))));
}

/** LocalSubjectAccessReview: the same in one namespace, for those who may ask only there. */
export function localSubjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return async (request) => {
    const attributes = attributesOf(request, reviewedUser(request));
    if (!attributes.resourceRequest) {
      throw fault(request, 'spec.nonResourceAttributes', 'disallowed on this kind of request');
    }
    if (attributes.namespace !== request.namespace) {
      throw fault(request, 'spec.resourceAttributes.namespace', `must match metadata.namespace: ${request.namespace}`);
    }
    return answered(request, statusOf(authorizer, attributes));
  };
}

/** SelfSubjectAccessReview: may I? What `kubectl auth can-i` asks. */
export function selfSubjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return async (request) => answered(request, statusOf(authorizer, attributesOf(request, request.user)));
}

function statusOf(authorizer: Authorizer, attributes: RequestAttributes) {
  const { allowed, reason } = authorizer.authorize(attributes);
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

function reviewedUser(request: ReviewRequest): UserInfo {
  const spec = specOf(request.object);
  const name = textOf(spec, 'user');
  const groups = textsOf(spec, 'groups');
  if (name === '' && groups.length === 0) {
    throw fault(request, 'spec.user', 'at least one of user or group must be specified');
  }
  return { name, groups };
}

function attributesOf(request: ReviewRequest, user: UserInfo): RequestAttributes {
  const spec = specOf(request.object);
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (isRecord(resourceAttributes) === isRecord(nonResourceAttributes)) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw fault(request, 'spec.resourceAttributes', why);
  }
  if (isRecord(nonResourceAttributes)) {
    const verb = textOf(nonResourceAttributes, 'verb');
    return { ...emptyAttributes, user, verb, resourceRequest: false, path: textOf(nonResourceAttributes, 'path') };
  }
  const wanted = isRecord(resourceAttributes) ? resourceAttributes : {};
  return {
    ...emptyAttributes,
    user,
    resourceRequest: true,
    verb: textOf(wanted, 'verb'),
    group: textOf(wanted, 'group'),
    version: textOf(wanted, 'version'),
    resource: textOf(wanted, 'resource'),
    subresource: textOf(wanted, 'subresource'),
    namespace: textOf(wanted, 'namespace'),
    name: textOf(wanted, 'name'),
  };
}

const emptyAttributes = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '', path: '' };

function fault(request: ReviewRequest, field: string, why: string) {
  return invalidReview(request.object, group, { field, reason: 'FieldValueInvalid', message: `Invalid value: ${why}` });
}
