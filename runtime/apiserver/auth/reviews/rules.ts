import type { RbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import type { PolicyRule } from '#runtime/apiserver/auth/rbac/model.ts';
import { answered, invalidReview, specOf, textOf, type ReviewHandler } from './review.ts';

/** SelfSubjectRulesReview: all that I may do in a namespace. What `kubectl auth can-i --list` prints. */
export function selfSubjectRulesReview(authorizer: RbacAuthorizer): ReviewHandler {
  return async (request) => {
    const namespace = textOf(specOf(request.object), 'namespace');
    if (namespace === '') {
      const field = 'spec.namespace';
      const message = 'Required value: rules are listed for one namespace';
      throw invalidReview(request.object, 'authorization.k8s.io', { field, reason: 'FieldValueRequired', message });
    }
    const rules = authorizer.rulesFor(request.user, namespace);
    return answered(request, {
      resourceRules: rules.filter((rule) => rule.resources.length > 0).map(resourceRule),
      nonResourceRules: rules
        .filter((rule) => rule.nonResourceURLs.length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    });
  };
}

function resourceRule(rule: PolicyRule) {
  const { verbs, apiGroups, resources, resourceNames } = rule;
  return { verbs, apiGroups, resources, ...(resourceNames.length === 0 ? {} : { resourceNames }) };
}
