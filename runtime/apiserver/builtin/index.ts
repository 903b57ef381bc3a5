import type { Verb } from '#runtime/apiserver/operations.ts';
import type { Resource } from '#runtime/apiserver/registry/resource.ts';
import { apiServiceStrategy } from './api-service.ts';
import { builtinResource, type BuiltinRow } from './builtin-resource.ts';
import { certificateSigningRequestFields, certificateSigningRequestStrategy } from './certificate-signing-request.ts';
import { configMapStrategy } from './config-map.ts';
import { definitionStrategy } from './custom-resource-definition.ts';
import { eventFields, eventStrategy, newEventConversion, newEventFields, newEventStrategy } from './event.ts';
import { leaseStrategy } from './lease.ts';
import { namespaceFields, namespaceStrategy } from './namespace.ts';
import { resourceQuotaStrategy } from './resource-quota.ts';
import { bindingStrategy, roleStrategy } from './role-based.ts';
import { secretFields, secretStrategy } from './secret.ts';
import { serviceAccountStrategy } from './service-account.ts';
import { serviceStrategy } from './service.ts';

const partVerbs: readonly Verb[] = ['get', 'patch', 'update'];
const createOnly: readonly Verb[] = ['create'];
const status = { name: 'status', verbs: partVerbs };
const authentication = 'authentication.k8s.io';
const authorization = 'authorization.k8s.io';
const rbac = 'rbac.authorization.k8s.io';

const coreRows: readonly BuiltinRow[] = [
  {
    resource: 'namespaces',
    kind: 'Namespace',
    namespaced: false,
    shortNames: ['ns'],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    strategy: namespaceStrategy,
    fields: namespaceFields,
    subresources: [{ name: 'finalize', verbs: ['update'] }, status],
  },
  { resource: 'secrets', kind: 'Secret', namespaced: true, strategy: secretStrategy, fields: secretFields },
  { resource: 'configmaps', kind: 'ConfigMap', namespaced: true, shortNames: ['cm'], strategy: configMapStrategy },
  {
    resource: 'events',
    kind: 'Event',
    namespaced: true,
    shortNames: ['ev'],
    strategy: eventStrategy,
    fields: eventFields,
  },
  {
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    namespaced: true,
    shortNames: ['sa'],
    strategy: serviceAccountStrategy,
    subresources: [{ name: 'token', kind: 'TokenRequest', group: authentication, version: 'v1', verbs: createOnly }],
  },
  {
    resource: 'resourcequotas',
    kind: 'ResourceQuota',
    namespaced: true,
    shortNames: ['quota'],
    strategy: resourceQuotaStrategy,
    subresources: [status],
  },
  {
    resource: 'services',
    kind: 'Service',
    namespaced: true,
    shortNames: ['svc'],
    categories: ['all'],
    strategy: serviceStrategy,
    subresources: [status],
  },
];

const groupRows: readonly BuiltinRow[] = [
  {
    group: 'events.k8s.io',
    resource: 'events',
    kind: 'Event',
    namespaced: true,
    shortNames: ['ev'],
    strategy: newEventStrategy,
    fields: newEventFields,
    storedAs: { collection: 'core/events', apiVersion: 'v1', conversion: newEventConversion },
  },
  { group: 'coordination.k8s.io', resource: 'leases', kind: 'Lease', namespaced: true, strategy: leaseStrategy },
  { group: rbac, resource: 'roles', kind: 'Role', namespaced: true, strategy: roleStrategy },
  { group: rbac, resource: 'rolebindings', kind: 'RoleBinding', namespaced: true, strategy: bindingStrategy },
  { group: rbac, resource: 'clusterroles', kind: 'ClusterRole', namespaced: false, strategy: roleStrategy },
  {
    group: rbac,
    resource: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    namespaced: false,
    strategy: bindingStrategy,
  },
  {
    group: 'certificates.k8s.io',
    resource: 'certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    namespaced: false,
    shortNames: ['csr'],
    strategy: certificateSigningRequestStrategy,
    fields: certificateSigningRequestFields,
    subresources: [{ name: 'approval', verbs: partVerbs }, status],
  },
  {
    group: 'apiextensions.k8s.io',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    strategy: definitionStrategy,
    subresources: [status],
  },
  {
    group: 'apiregistration.k8s.io',
    resource: 'apiservices',
    kind: 'APIService',
    namespaced: false,
    categories: ['api-extensions'],
    strategy: apiServiceStrategy,
    subresources: [status],
  },
];

/** Kinds that are answered and never stored. */
const reviewRows: readonly BuiltinRow[] = [
  { group: authentication, resource: 'tokenreviews', kind: 'TokenReview', namespaced: false, verbs: createOnly },
  {
    group: authentication,
    resource: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    namespaced: false,
    verbs: createOnly,
  },
  {
    group: authentication,
    version: 'v1beta1',
    resource: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    namespaced: false,
    verbs: createOnly,
  },
  {
    group: authorization,
    resource: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
    namespaced: false,
    verbs: createOnly,
  },
  {
    group: authorization,
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
    verbs: createOnly,
  },
  {
    group: authorization,
    resource: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    namespaced: false,
    verbs: createOnly,
  },
  {
    group: authorization,
    resource: 'localsubjectaccessreviews',
    kind: 'LocalSubjectAccessReview',
    namespaced: true,
    verbs: createOnly,
  },
];

/** Every resource that is there without a CustomResourceDefinition; the first version of each is the preferred one. */
export function builtinResources(): readonly Resource[] {
  return [...coreRows, ...groupRows, ...reviewRows].map(builtinResource);
}
