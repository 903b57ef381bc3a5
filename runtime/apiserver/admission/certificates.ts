import { forbidden } from '#runtime/apiserver/http/api-errors.ts';
import type { AdmissionPlugin, AdmissionRequest, Authorizer, UserInfo } from '#runtime/apiserver/operations.ts';
import {
  clientSigner,
  conditionsOf,
  requestCollection,
  requestGroup,
  requestTextOf,
} from '#runtime/apiserver/builtin/certificate-signing-request.ts';
import { recordAt, textAt } from '#runtime/apiserver/builtin/fields.ts';
import { wellKnownGroups } from '#runtime/apiserver/auth/users.ts';
import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import { parseCertificateRequest, valuesIn } from '#runtime/pki/certificate-request.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/**
 * What depends on who writes a CertificateSigningRequest (Kubernetes docs, "Certificates and Certificate Signing Requests"): who asks is noted and cannot be
 * forged; to approve or to sign needs that right for the very signer; nobody asks to be a master of the cluster.
 */
export function createCertificatesPlugin(options: {
  readonly authorizer: Authorizer;
  readonly clock: Clock;
}): AdmissionPlugin {
  const { authorizer, clock } = options;
  return {
    name: 'Certificates',
    mutate: (request) => Promise.resolve(isOurs(request) ? completed(request, clock.now()) : undefined),
    validate: (request) => {
      if (isOurs(request)) check(request, authorizer);
      return Promise.resolve();
    },
  };
}

function isOurs({ resource, operation }: AdmissionRequest): boolean {
  return resource.collection === requestCollection && operation !== 'delete';
}

function completed({ operation, object, oldObject, user }: AdmissionRequest, nowMs: number): KubeObject | undefined {
  if (object === undefined) return undefined;
  return operation === 'create' ? withRequester(object, user) : withTimes(object, oldObject, rfc3339(nowMs));
}

function withRequester(object: KubeObject, { name, uid, groups, extra }: UserInfo): KubeObject {
  const { username: _, uid: _uid, groups: _groups, extra: _extra, ...asked } = recordAt(object, 'spec');
  const given = { ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  return { ...object, spec: { ...asked, username: name, groups, ...given } };
}

function withTimes(object: KubeObject, old: KubeObject | undefined, now: string): KubeObject {
  const before = old === undefined ? [] : conditionsOf(old);
  const conditions = conditionsOf(object);
  if (conditions.length === 0) return object;
  const timed = conditions.map((condition) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? same?.lastTransitionTime ?? now,
    };
  });
  return { ...object, status: { ...recordAt(object, 'status'), conditions: timed } };
}

function check(request: AdmissionRequest, authorizer: Authorizer): void {
  const { subresource, object, oldObject, resource, name, user } = request;
  if (object === undefined) return;
  if (subresource === '') return requireNoMaster(request, object);
  if (oldObject === undefined || (subresource === 'status' && isEqual(object['status'], oldObject['status']))) return;
  const verb = subresource === 'approval' ? 'approve' : 'sign';
  const signerName = textAt(oldObject, 'spec', 'signerName');
  if (isAllowed(authorizer, user, { verb, signerName })) return;
  throw forbidden(resource, name, `user not permitted to ${verb} requests with signerName "${signerName}"`);
}

function requireNoMaster({ resource, name }: AdmissionRequest, object: KubeObject): void {
  if (textAt(object, 'spec', 'signerName') !== clientSigner) return;
  const organizations = valuesIn(parseCertificateRequest(requestTextOf(object)), 'O');
  if (organizations.includes(wellKnownGroups.masters))
    throw forbidden(
      resource,
      name,
      `use of ${clientSigner} signer with ${wellKnownGroups.masters} group is not allowed`,
    );
}

/** Rights may be given for one signer, or for all of a domain. */
function isAllowed(
  authorizer: Authorizer,
  user: UserInfo,
  { verb, signerName }: { readonly verb: string; readonly signerName: string },
): boolean {
  const [domain = ''] = signerName.split('/');
  const common = {
    user,
    verb,
    resourceRequest: true,
    group: requestGroup,
    version: '*',
    resource: 'signers',
    subresource: '',
  };
  return [signerName, `${domain}/*`].some(
    (name) => authorizer.authorize({ ...common, namespace: '', path: '', name }).allowed,
  );
}
