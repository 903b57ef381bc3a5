import { definitions } from '../definitions.ts';
import type { Difference } from '../differences.ts';
import { bodyOf, causesOf, isMessage, messageOf, ownCauses, type Explanation } from '../explanation.ts';
import {
  accepting,
  applied,
  certificateRequest,
  clusterRoleBinding,
  collectionDeleted,
  configMap,
  created,
  dry,
  gadget,
  jsonPatch,
  mergePatch,
  namespace,
  patched,
  read,
  resourceQuota,
  tenant,
} from '../example.ts';

const timeless = {
  status: { conditions: [{ lastUpdateTime: '2020-02-02' }] },
  apiVersion: certificateRequest.apiVersion,
  kind: certificateRequest.kind,
  metadata: { name: '{namespace}-a', creationTimestamp: 'never' },
};

/** What is told in other words or in another form. */
export const inOtherWords: readonly Explanation[] = [
  {
    reason:
      'Items of a list go out as they are stored, with apiVersion and kind; kube-apiserver leaves both out for built-in kinds, and clients take either.',
    example: [created(configMap), read(configMap)],
    matches: ({ request, difference: { path, theirs } }) =>
      !request.kind.custom && theirs === undefined && /^body\.items\[\d+\]\.(?:apiVersion|kind)$/u.test(path),
  },
  {
    reason: 'Our server does not answer in protobuf, so it does not offer it.',
    example: [read(gadget, { name: 'a', headers: { accept: 'text/html' } })],
    matches: isMessage(
      /^only the following media types are accepted:.*protobuf/u,
      /^only the following media types are accepted:/u,
    ),
  },
  {
    reason:
      'Before a built-in kind sees a request, the router of kube-apiserver has looked at its media types, and says less than the kind itself does.',
    example: [patched(configMap, 'application/json', {})],
    matches: isMessage(/^4\d\d: (?:Not Acceptable|Unsupported Media Type)/u, /media types/u),
  },
  {
    reason: 'These texts name types, packages and lines of Go.',
    example: [created(configMap, { data: 7 })],
    matches: isMessage(
      /Go struct field|Go value of type|scheme\.go|unstructured object|got &|got map\[|StorageError|unexpected end of JSON input|Invalid value: "(?:map\[|\{)|got \[\]|error converting YAML|is missing in 'null'|handled as a .*Object 'Kind' is missing|invalid continue token|object has no apiVersion field|accessor error|Invalid value: \{"[A-Z]|\{"(?:APIGroup|Kind)"/u,
      /./u,
    ),
  },
  {
    reason:
      'Where a list is asked for as one object, or the other way round, we go on to what else is accepted; kube-apiserver refuses after it has done what was asked.',
    example: [created(configMap, {}, { headers: accepting('PartialObjectMetadataList') })],
    matches: ({ request, theirs, ours }) =>
      ours.status < 300 &&
      /PartialObjectMetadata/u.test(request.headers['accept'] ?? '') &&
      [406, 500].includes(theirs.status) &&
      /requested object is|not a list/u.test(messageOf(theirs)),
  },
  {
    reason:
      'A JSON patch that cannot be applied is told with the step that failed; kube-apiserver says that something failed.',
    example: [created(gadget), patched(gadget, jsonPatch, [{ op: 'move', path: '/spec/code', from: '/nowhere' }])],
    matches: isMessage(/^the server rejected our request due to an error in our request$/u, /./u),
  },
  {
    reason:
      'Of several fields that do not fit a schema we tell all; kube-apiserver tells those that it comes to, in an order of chance.',
    example: [applied(resourceQuota, { spec: { a: 'b', unknown: {} } }, dry)],
    matches: (finding) => isMessage(typedPatch, typedPatch)(finding) && isSubset(typedFaults(finding.difference)),
  },
  {
    reason: 'An empty `details` says nothing.',
    example: [collectionDeleted(namespace, { query: { dryRun: 'All', labelSelector: 'of={namespace}' } })],
    matches: ({ difference: { path, theirs, ours } }) =>
      /(?:^|\.)details$/u.test(path) && JSON.stringify(theirs) === '{}' && ours === undefined,
  },
  {
    reason: 'Bytes that are not there are told as an empty text.',
    example: [applied(certificateRequest, {})],
    matches: isMessage(/^Invalid value: null: PEM block/u, /^Invalid value: "": PEM block/u),
  },
  {
    reason: 'What a column or a field is for is told in our own words.',
    example: [read(clusterRoleBinding, { headers: accepting('Table') })],
    matches: ({ difference: { path } }) => /^body\.columnDefinitions\[\d+\]\.description$/u.test(path),
  },
  {
    reason: 'A name is limited in bytes; the two server libraries of Kubernetes do not agree on what to call them.',
    example: [created(gadget, { metadata: { name: 'x'.repeat(254) } })],
    matches: isMessage(/must be no more than \d+ characters/u, /must be no more than \d+ bytes/u),
  },
  {
    reason: 'An item of another type in a list by keys is told as such; kube-apiserver goes on to look for keys in it.',
    example: [created(gadget, { spec: { parts: ['x', 'y'] } })],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.custom &&
      path.startsWith('body.details.causes') &&
      ownCauses(theirs, ours).every((cause) => /array of list-type map/u.test(cause)),
  },
  {
    reason: 'What an internal error is about is told once, in its message.',
    example: [applied(gadget, {}), read(gadget, { name: 'a', subresource: 'scale' })],
    matches: ({ difference: { path, ours }, ...finding }) =>
      path === 'body.details' && ours === undefined && finding.theirs.status === 500 && finding.ours.status === 500,
  },
  {
    reason: 'A field of a status is told by its whole path; kube-apiserver begins at the status.',
    example: [created(tenant), patched(tenant, mergePatch, { status: 7 }, { subresource: 'status' })],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.subresource === 'status' &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      isSame(comparable(causesOf(theirs)), comparable(causesOf(ours).map(fromStatus))),
  },
  {
    reason:
      'A patch of a status is one of this version, and checked and told as such, whatever else it says of itself.',
    example: [
      created(tenant),
      patched(
        tenant,
        mergePatch,
        { apiVersion: 'v9', status: { conditions: [{ type: 'A' }] } },
        { subresource: 'status' },
      ),
    ],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.method === 'PATCH' &&
      request.subresource === 'status' &&
      /"(?:apiVersion|kind)":"/u.test(bodyOf(request)) &&
      (theirs.status === 422 && ours.status === 422
        ? /^body\.(?:message|details\.(?:group|kind))$/u.test(path)
        : path === 'warnings' && theirs.status === ours.status && theirs.warnings.length === 0),
  },
  {
    reason: 'Of several times that cannot be read, Go tells the first that was sent, and we begin with the metadata.',
    example: [{ ...created(certificateRequest), body: { value: timeless } }],
    matches: isMessage(/parsing time/u, /parsing time/u),
  },
  {
    reason: 'What is wrong with a definition is told in our own words; both refuse the same.',
    example: [created(definitions, { spec: { names: { listKind: 'a.b' } } })],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind === definitions &&
      theirs.status === ours.status &&
      (theirs.status === 422 || messageOf(theirs).includes('openAPIV3Schema')) &&
      /^body\.(?:details|message)/u.test(path),
  },
  {
    reason: 'An empty list of metadata is an empty list.',
    example: [read(resourceQuota, { headers: accepting('PartialObjectMetadataList') })],
    matches: ({ difference: { path, theirs, ours } }) =>
      /^body\.(?:items|rows)$/u.test(path) && theirs === null && JSON.stringify(ours) === '[]',
  },
];

const typedPatch = /^failed to create typed patch object/u;

/** The fields that each found fault with. */
function typedFaults({ theirs, ours }: Difference): readonly [readonly string[], readonly string[]] {
  const fieldsOf = (text: unknown): readonly string[] => String(text).match(/(?<=[ ;)] ?)\.[^ :]+(?=:)/gu) ?? [];
  return [fieldsOf(theirs), fieldsOf(ours)];
}

/** A cause as it is told by somebody who knows of nothing but the status. */
function fromStatus(cause: string): string {
  return cause
    .replace('"field":"<nil>","message":"Invalid value: \\"\\"', '"field":"status","message":"Invalid value: \\"\\"')
    .replace(/(?<= )status\.?(?=[^ ]* in body)|(?<= in )status\.(?=[^ "]*",)/gu, '');
}

/** Without what is told of each item that is none of its list's, or of the first only. */
function comparable(causes: readonly string[]): readonly string[] {
  return causes.filter((cause) => !/array of list-type map/u.test(cause));
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return isSubset([some, others]) && isSubset([others, some]);
}

function isSubset([some, all]: readonly [readonly string[], readonly string[]]): boolean {
  return some.every((each) => all.includes(each));
}
