import { bodyOf, type Explanation } from '../explanation.ts';
import { definitions } from '../definitions.ts';
import {
  applied,
  claim,
  configMap,
  created,
  dry,
  event,
  gadget,
  jsonPatch,
  mergePatch,
  patched,
  read,
  role,
  secret,
  tenant,
} from '../example.ts';
import { isDry } from '../request.ts';

const looseSchema = { type: 'object', strange: 1, properties: { spec: { type: 'object', nullable: false } } };
const loose = {
  spec: { versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: looseSchema } }] },
};

/** What is kept otherwise: owners of fields, versions, what is left out. */
export const keptOtherwise: readonly Explanation[] = [
  {
    reason: 'Bytes that are null are none; kube-apiserver counts them as a change of empty ones.',
    example: [
      created(secret, { data: { key: '' } }),
      patched(secret, jsonPatch, [{ op: 'copy', path: '/data/key', from: '/nowhere' }]),
    ],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.method === 'PATCH' &&
      /"path":"\/(?:binaryData|data)\//u.test(bodyOf(request)) &&
      /metadata\.(?:managedFields|resourceVersion)$/u.test(path) &&
      theirs.status === 200 &&
      ours.status === 200,
  },
  {
    reason:
      'kube-apiserver forgets who manages an object when its fields cannot be told apart, such as those of a status that is not taken over; we keep what can be known.',
    example: [created(tenant, { status: { conditions: [{ message: 7 }] } })],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      /metadata\.(?:managedFields|resourceVersion)$/u.test(path) &&
      theirs.status < 300 &&
      ours.status === theirs.status &&
      (request.kind.custom
        ? request.subresource === 'status' || /"status"|"namespace"/u.test(bodyOf(request))
        : request.kind.kind === 'ServiceAccount' && /"(?:secrets|\/secrets\/\d+)"/u.test(bodyOf(request))),
  },
  {
    reason: 'kube-apiserver keeps events out of its cache, and pages them even when anything goes (resourceVersion 0).',
    example: [
      created(event),
      created(event, { metadata: { name: 'b' } }),
      read(event, { query: { limit: '1', resourceVersion: '0' } }),
    ],
    matches: ({ request, difference: { path } }) =>
      /^body\.(?:items|rows|metadata)/u.test(path) &&
      request.kind.kind === 'Event' &&
      request.query['resourceVersion'] === '0' &&
      request.query['limit'] !== undefined,
  },
  {
    reason:
      'What managers a client claims is kept when it can be read; kube-apiserver forgets all managers when one of them cannot own what it claims.',
    example: [created(gadget, { metadata: { managedFields: [claim] } })],
    matches: ({ request, difference: { path } }) =>
      /managedFields|metadata\.resourceVersion$/u.test(path) && bodyOf(request).includes('"managedFields":[{"manager"'),
  },
  {
    reason: 'A dry run of a create never comes to the store of kube-apiserver, which would refuse a resourceVersion.',
    example: [created(configMap, { metadata: { resourceVersion: '1' } }, dry)],
    matches: ({ request, difference: { path, ours }, theirs }) =>
      isDry(request) && theirs.status === 201 && ours === undefined && path.endsWith('metadata.resourceVersion'),
  },
  {
    reason: 'An empty list is nothing given, and nobody comes to own it.',
    example: [created(role, { rules: [] })],
    matches: ({ request, difference: { path } }) =>
      !request.kind.custom &&
      /metadata\.managedFields/u.test(path) &&
      /"(?:rules|verbs|resourceNames)":\[\]/u.test(bodyOf(request)),
  },
  {
    reason:
      'The schema of a definition is stored as it was written; Go leaves out what is false or empty in it, or unknown to Kubernetes, and tells of the latter.',
    example: [created(definitions, loose)],
    matches: ({ request, difference: { path, theirs }, theirs: { warnings } }) =>
      request.kind === definitions &&
      ((path.includes('openAPIV3Schema') && theirs === undefined) ||
        (path.startsWith('warnings') && warnings.some((text) => /unknown field.*openAPIV3Schema/u.test(text))) ||
        (/generation|resourceVersion|managedFields/u.test(path) && bodyOf(request).includes('"openAPIV3Schema"'))),
  },
  {
    reason: 'A selfLink is not taken over.',
    example: [applied(tenant, { metadata: { name: '{namespace}-a', selfLink: '/self' } }, dry)],
    matches: ({ difference: { path, theirs } }) => path.endsWith('metadata.selfLink') && theirs === '/self',
  },
  {
    reason: 'A scale that stays as it is changes nothing; kube-apiserver writes down who asked for it.',
    example: [created(gadget), patched(gadget, mergePatch, { spec: { replicas: 2 } }, { subresource: 'scale' })],
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.subresource === 'scale' &&
      path === 'body.metadata.resourceVersion' &&
      theirs.status === 200 &&
      ours.status === 200,
  },
];
