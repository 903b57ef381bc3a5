import { bodyOf, causesOf, messageOf, ownCauses, type Explanation } from '../explanation.ts';
import { definitions } from '../definitions.ts';
import {
  applied,
  configMap,
  created,
  dry,
  event,
  gadget,
  jsonPatch,
  mergePatch,
  patched,
  replaced,
  read,
  resourceQuota,
  secret,
  serviceAccount,
} from '../example.ts';

/** A definition of one version with this schema. */
function withSchema(openAPIV3Schema: object) {
  return { spec: { versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }] } };
}

/** What only one of the two refuses, or each with another code. */
export const refusedOtherwise: readonly Explanation[] = [
  {
    reason:
      'A resourceVersion that is no number is a mistake of the client, and so is one on an object to be created: 400. kube-apiserver says 500 where its cache finds out, or its store.',
    example: [read(configMap, { name: 'a', query: { resourceVersion: 'x' } })],
    matches: ({ request, theirs, ours }) =>
      theirs.status === 500 &&
      ours.status === 400 &&
      /resource ?version/iu.test(messageOf(ours)) &&
      (request.query['resourceVersion'] === 'x' || /resourceVersion|strconv/u.test(messageOf(theirs))),
  },
  {
    reason: 'What is applied or patched and cannot be read is a mistake of the client: 400. kube-apiserver says 500.',
    example: [applied(configMap, { binaryData: { key: 'a.b' } })],
    matches: ({ theirs, ours }) =>
      theirs.status === 500 &&
      // Whatever is wrong besides may be told first.
      [400, 409].includes(ours.status) &&
      /failed to convert new object|declared merge key|list element types are not identical/u.test(messageOf(theirs)),
  },
  {
    reason:
      'An account that names a secret without a name can be changed all the same. kube-apiserver takes it, and then fails to read it: 500.',
    example: [
      applied(serviceAccount, {}),
      replaced(serviceAccount, { secrets: [{ uid: 'x' }] }),
      applied(serviceAccount, { secrets: [{ name: 'key' }] }, { query: { force: 'true' } }),
    ],
    matches: ({ request, theirs, ours }) =>
      request.kind.kind === 'ServiceAccount' &&
      theirs.status === 500 &&
      (ours.status < 300 || [422, 500].includes(ours.status)) &&
      /failed to create (?:typed live object|manager for existing fields).* omits all key fields|map\[\] does not contain declared merge key/u.test(
        messageOf(theirs),
      ),
  },
  {
    reason:
      'A quota here limits whatever it names, and has no pods to select by scope; kube-apiserver knows a list of names and scopes.',
    example: [created(resourceQuota, { spec: { scopes: ['Other'] } }, dry)],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.kind === 'ResourceQuota' &&
      theirs.status === 422 &&
      ownCauses(theirs, ours).some((cause) => quotaRefusal.test(cause)) &&
      (ours.status < 300
        ? ownCauses(theirs, ours).every((cause) => quotaRefusal.test(cause))
        : ours.status === 422 && /^body\.(?:details|message)/u.test(path)),
  },
  {
    reason:
      'A number that does not fit is refused; kube-apiserver lets it wrap around when it is applied or merged by key.',
    example: [applied(event, { count: 2 ** 31 })],
    matches: ({ request, theirs, ours }) =>
      /apply|strategic/u.test(request.headers['content-type'] ?? '') &&
      theirs.status !== 400 &&
      [400, 422].includes(ours.status) &&
      /214748364[89]|9007199254740994/u.test(bodyOf(request)),
  },
  {
    reason:
      'A schema that is none is a fault of its definition like any other: 422. Go cannot read it: 400, or 500 when it is applied; patched, it is a fault of the patch, and nothing else is told.',
    example: [created(definitions, withSchema({ type: 'object', properties: { key: 'x' } }))],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind === definitions &&
      bodyOf(request).includes('"openAPIV3Schema"') &&
      [400, 404, 409, 422].includes(ours.status) &&
      ([400, 500].includes(theirs.status)
        ? unreadSchema.test(messageOf(theirs))
        : path === 'warnings' && causesOf(theirs).some((cause) => unreadPatch.test(cause))),
  },
  {
    reason: 'A limit below nought is a mistake in a schema; kube-apiserver takes it.',
    example: [created(definitions, withSchema({ type: 'object', maxLength: -1 }))],
    matches: ({ request, theirs, ours }) =>
      request.kind === definitions &&
      (theirs.status < 300 || theirs.status === 409) &&
      ours.status === 422 &&
      causesOf(ours).every((cause) =>
        /(?:min|max)[A-Z][a-z]+ in body should be greater than or equal to 0/u.test(cause),
      ),
  },
  {
    reason:
      'The schema of a definition is stored as it was written, and somebody who applies it without what is false or empty in it changes it; Go has left that out before.',
    example: [
      created(definitions, withSchema({ type: 'object', uniqueItems: false })),
      applied(definitions, withSchema({ type: 'object' }), { query: { fieldManager: 'two' } }),
    ],
    matches: ({ request, theirs, ours }) =>
      request.kind === definitions &&
      theirs.status === 200 &&
      ours.status === 409 &&
      causesOf(ours).every((cause) => cause.includes('"field":".spec.versions"')),
  },
  {
    reason: 'A list of numbers is no text; Go takes it for bytes.',
    example: [created(secret, { data: { key: [] } })],
    matches: ({ request, theirs, ours }) =>
      /"(?:binaryData|data|request)"/u.test(bodyOf(request)) &&
      theirs.status < 500 &&
      [400, 422].includes(ours.status) &&
      /must be of type string: \\*"array/u.test(JSON.stringify(ours.body)),
  },
  {
    reason: 'A list is no text; kube-apiserver takes any list for a text that has a format.',
    example: [created(gadget, { spec: { since: [] } })],
    matches: ({ request, theirs, ours }) =>
      request.kind.custom &&
      [200, 201, 422].includes(theirs.status) &&
      ours.status === 422 &&
      ownCauses(ours, theirs).some((cause) => cause.includes('must be of type string: \\"array\\"')),
  },
  {
    reason:
      'An apiVersion that a patch makes null is none given; kube-apiserver takes the object for one that it knows nothing of.',
    example: [
      created(configMap),
      patched(configMap, jsonPatch, [{ op: 'copy', path: '/apiVersion', from: '/nowhere' }]),
    ],
    matches: ({ request, theirs }) =>
      request.method === 'PATCH' &&
      /"path":"\/apiVersion"/u.test(bodyOf(request)) &&
      theirs.status === 400 &&
      /was undeterminable/u.test(messageOf(theirs)),
  },
  {
    reason:
      'A map that is applied empty stays, empty, when all goes that was applied in it before; kube-apiserver makes null of it, and then refuses that.',
    example: [applied(gadget, { spec: { labels: { a: '1' } } }), applied(gadget, { spec: { labels: {} } })],
    matches: ({ request, theirs, ours }) =>
      /apply/u.test(request.headers['content-type'] ?? '') &&
      bodyOf(request).includes(':{}') &&
      theirs.status === 422 &&
      [200, 422].includes(ours.status) &&
      ownCauses(theirs, ours).some((cause) => emptiedMap.test(cause)) &&
      ownCauses(theirs, ours).every((cause) => emptiedMap.test(cause) || /rules were not checked/u.test(cause)),
  },
  {
    reason: 'An empty map is nothing given; kube-apiserver finds that it changes what is immutable.',
    example: [created(configMap, { immutable: true }), patched(configMap, mergePatch, { binaryData: {} })],
    matches: ({ request, theirs, ours }) =>
      ['ConfigMap', 'Secret'].includes(request.kind.kind) &&
      theirs.status === 422 &&
      [200, 422].includes(ours.status) &&
      ownCauses(theirs, ours).every((cause) => /field is immutable when/u.test(cause)) &&
      /:\{\}|null/u.test(bodyOf(request)),
  },
];

const unreadSchema = /cannot unmarshal|JSONSchemaProps|openAPIV3Schema|JSON schema expected/u;
const unreadPatch = /^\{"field":"patch",.*cannot (?:unmarshal|restore struct)/u;
const emptiedMap = /must be of type object: \\"null\\"/u;
const quotaRefusal = /unsupported scope|not a valid selector operator|must be a standard resource|must not be empty/u;
