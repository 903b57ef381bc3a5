import { required } from '#runtime/base/errors.ts';
import { applyMergePatch } from '#runtime/apiserver/patch/merge-patch.ts';
import { comparedKinds, exampleOf, ownName, type ComparedKind } from './kinds.ts';
import type { StreamRequest } from './request.ts';

type Fields = Readonly<Record<string, unknown>>;
type More = Partial<StreamRequest>;

function kindOf(kind: string, apiVersion = 'v1'): ComparedKind {
  return required(
    comparedKinds.find((each) => each.kind === kind && each.apiVersion.endsWith(apiVersion)),
    kind,
  );
}

export const configMap = kindOf('ConfigMap');
export const secret = kindOf('Secret');
export const serviceAccount = kindOf('ServiceAccount');
export const event = kindOf('Event');
export const resourceQuota = kindOf('ResourceQuota');
export const namespace = kindOf('Namespace');
export const role = kindOf('Role');
export const clusterRoleBinding = kindOf('ClusterRoleBinding');
export const tenant = kindOf('Tenant', 'v1alpha1');
export const certificateRequest = kindOf('CertificateSigningRequest');
export const gadget = kindOf('Gadget');

export const mergePatch = 'application/merge-patch+json';
export const jsonPatch = 'application/json-patch+json';

export const dry: More = { query: { dryRun: 'All' } };
/** Of fields that no other kind has than a ConfigMap. */
export const claim = {
  manager: 'x',
  operation: 'Update',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': {} },
};

/** Headers that ask for another form, and for JSON where it cannot be had. */
export function accepting(form: string): Readonly<Record<string, string>> {
  return { accept: `application/json;as=${form};v=v1;g=meta.k8s.io,application/json` };
}

/** Makes the kind's example with changes (a merge patch). */
export function created(kind: ComparedKind, change: Fields = {}, more: More = {}): StreamRequest {
  const object = { ...identityOf(kind), ...exampleOf(kind, nameOf(kind)) };
  const value = applyMergePatch(object as never, change as never);
  return { ...asked(kind), method: 'POST', namespace: '{namespace}', body: { value }, ...more };
}

/** Applies nothing but these fields. */
export function applied(kind: ComparedKind, fields: Fields, { query, ...more }: More = {}): StreamRequest {
  const applying = { ...more, query: { fieldManager: 'one', ...query } };
  return patched(kind, 'application/apply-patch+yaml', { ...identityOf(kind), ...fields }, applying);
}

export function patched(kind: ComparedKind, type: string, value: unknown, more: More = {}): StreamRequest {
  const headers = { 'content-type': type };
  return { ...asked(kind), method: 'PATCH', name: nameOf(kind), headers, body: { value }, ...more };
}

/** Puts what was seen last, with changes to it. */
export function replaced(kind: ComparedKind, change: Fields): StreamRequest {
  return { ...asked(kind), method: 'PUT', name: nameOf(kind), body: { change } };
}

/** Lists, unless there is a name. */
export function read(kind: ComparedKind, more: More = {}): StreamRequest {
  return { ...asked(kind), ...more };
}

export function collectionDeleted(kind: ComparedKind, more: More): StreamRequest {
  return { ...asked(kind), method: 'DELETE', ...more };
}

function asked(kind: ComparedKind): StreamRequest {
  return { method: 'GET', kind, query: {}, headers: {} };
}

function identityOf(kind: ComparedKind): Fields {
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: nameOf(kind) } };
}

function nameOf(kind: ComparedKind): string {
  return ownName(kind, 'a');
}
