import type { Difference } from './differences.ts';
import type { Said } from './play.ts';
import { isDry, type StreamRequest } from './request.ts';

/** A difference in the circumstances in which it came. */
export interface Finding {
  readonly request: StreamRequest;
  readonly difference: Difference;
  readonly theirs: Said;
  readonly ours: Said;
}

/** A kind of difference that is meant to be, and why. */
export interface Explanation {
  readonly reason: string;
  readonly matches: (finding: Finding) => boolean;
}

/** Every difference from kube-apiserver that stays. */
export const explanations: readonly Explanation[] = [
  {
    reason:
      'Items of a list go out as they are stored, with apiVersion and kind; kube-apiserver leaves both out for built-in kinds, and clients take either.',
    matches: ({ request, difference: { path, theirs } }) =>
      !request.kind.custom && theirs === undefined && /^body\.items\[\d+\]\.(?:apiVersion|kind)$/u.test(path),
  },
  {
    reason: 'Our server does not answer in protobuf, so it does not offer it.',
    matches: isMessage(
      /^only the following media types are accepted:.*protobuf/u,
      /^only the following media types are accepted:/u,
    ),
  },
  {
    reason:
      'Before a built-in kind sees a request, the router of kube-apiserver has looked at its media types, and says less than the kind itself does.',
    matches: isMessage(/^4\d\d: (?:Not Acceptable|Unsupported Media Type)/u, /media types/u),
  },
  {
    reason: 'These texts name types, packages and lines of Go.',
    matches: isMessage(
      /Go struct field|Go value of type|scheme\.go|unstructured object|got &|got map\[|StorageError|unexpected end of JSON input|Invalid value: "(?:map\[|\{)|got \[\]|error converting YAML|is missing in 'null'|handled as a .*Object 'Kind' is missing|invalid continue token|object has no apiVersion field|accessor error|Invalid value: \{"[A-Z]|\{"(?:APIGroup|Kind)"/u,
      /./u,
    ),
  },
  {
    reason:
      'A resourceVersion that is no number is a mistake of the client, and so is one on an object to be created: 400. kube-apiserver says 500 where its cache finds out, or its store.',
    matches: ({ request, theirs, ours }) =>
      theirs.status === 500 &&
      ours.status === 400 &&
      /resource ?version/iu.test(messageOf(ours)) &&
      (request.query['resourceVersion'] === 'x' || /resourceVersion|strconv/u.test(messageOf(theirs))),
  },
  {
    reason: 'What is applied or patched and cannot be read is a mistake of the client: 400. kube-apiserver says 500.',
    matches: ({ theirs, ours }) =>
      theirs.status === 500 &&
      // Whatever is wrong besides may be told first.
      [400, 409].includes(ours.status) &&
      /failed to convert new object|declared merge key|list element types are not identical/u.test(messageOf(theirs)),
  },
  {
    reason: 'A status that is not taken over is not read at all; kube-apiserver fails to read it: 500.',
    matches: ({ request, theirs, ours }) =>
      theirs.status === 500 &&
      ours.status < 500 &&
      bodyOf(request).includes('"status"') &&
      /failed to (?:convert new object|create typed patch object)/u.test(messageOf(theirs)),
  },
  {
    reason:
      'An account that names a secret without a name can be changed all the same. kube-apiserver takes it, and then fails to read it: 500.',
    matches: ({ request, theirs, ours }) =>
      request.kind.kind === 'ServiceAccount' &&
      theirs.status === 500 &&
      (ours.status < 300 || ours.status === 500) &&
      /failed to create (?:typed live object|manager for existing fields).* omits all key fields|map\[\] does not contain declared merge key/u.test(
        messageOf(theirs),
      ),
  },
  {
    reason:
      'Where a list is asked for as one object, or the other way round, we go on to what else is accepted; kube-apiserver refuses after it has done what was asked.',
    matches: ({ request, theirs, ours }) =>
      ours.status < 300 &&
      /PartialObjectMetadata/u.test(request.headers['accept'] ?? '') &&
      [406, 500].includes(theirs.status) &&
      /requested object is|not a list/u.test(messageOf(theirs)),
  },
  {
    reason:
      'A JSON patch that cannot be applied is told with the step that failed; kube-apiserver says that something failed.',
    matches: isMessage(/^the server rejected our request due to an error in our request$/u, /./u),
  },
  {
    reason:
      'Of several fields that do not fit a schema we tell all; kube-apiserver tells those that it comes to, in an order of chance.',
    matches: (finding) => isMessage(typedPatch, typedPatch)(finding) && isSubset(typedFaults(finding.difference)),
  },
  {
    reason: 'An empty `details` says nothing.',
    matches: ({ difference: { path, theirs, ours } }) =>
      /(?:^|\.)details$/u.test(path) && JSON.stringify(theirs) === '{}' && ours === undefined,
  },
  {
    reason: 'What a column or a field is for is told in our own words.',
    matches: ({ difference: { path } }) => /^body\.columnDefinitions\[\d+\]\.description$/u.test(path),
  },
  {
    reason:
      'kube-apiserver forgets who manages an object when its fields cannot be told apart, such as those of a status that is not taken over; we keep what can be known.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      /metadata\.(?:managedFields|resourceVersion)$/u.test(path) &&
      theirs.status < 300 &&
      ours.status === theirs.status &&
      (request.kind.custom
        ? request.subresource === 'status' || /"status"|"namespace"/u.test(bodyOf(request))
        : request.kind.kind === 'ServiceAccount' && /"secrets"/u.test(bodyOf(request))),
  },
  {
    reason:
      'A quota here limits whatever it names, and has no pods to select by scope; kube-apiserver knows a list of names and scopes.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.kind === 'ResourceQuota' &&
      theirs.status === 422 &&
      ownCauses(theirs, ours).some((cause) => quotaRefusal.test(cause)) &&
      (ours.status < 300
        ? ownCauses(theirs, ours).every((cause) => quotaRefusal.test(cause))
        : ours.status === 422 && /^body\.(?:details|message)/u.test(path)),
  },
  {
    reason: 'kube-apiserver keeps events out of its cache, and pages them even when anything goes (resourceVersion 0).',
    matches: ({ request, difference: { path } }) =>
      /^body\.(?:items|rows|metadata)/u.test(path) &&
      request.kind.kind === 'Event' &&
      request.query['resourceVersion'] === '0' &&
      request.query['limit'] !== undefined,
  },
  {
    reason:
      'What managers a client claims is kept when it can be read; kube-apiserver forgets all managers when one of them cannot own what it claims.',
    matches: ({ request, difference: { path } }) =>
      /managedFields|metadata\.resourceVersion$/u.test(path) && bodyOf(request).includes('"managedFields":[{"manager"'),
  },
  {
    reason:
      'An object in a namespace that is not there is refused for what it is first; kube-apiserver looks for the namespace first.',
    matches: ({ request, theirs, ours }) =>
      request.namespace === 'nowhere' && theirs.status === 404 && ours.status >= 400 && ours.status < 500,
  },
  {
    reason:
      'A number that does not fit is refused; kube-apiserver lets it wrap around when it is applied or merged by key.',
    matches: ({ request, theirs, ours }) =>
      /apply|strategic/u.test(request.headers['content-type'] ?? '') &&
      theirs.status !== 400 &&
      [400, 422].includes(ours.status) &&
      /214748364[89]|9007199254740994/u.test(bodyOf(request)),
  },
  {
    reason:
      'An apply that changes nothing but who owns what has a time when it changes what its own manager owned before.',
    matches: ({ difference: { path, theirs, ours } }) =>
      /managedFields\[\d+\]\.time$/u.test(path) && (theirs === undefined || ours === undefined),
  },
  {
    reason: 'That rules were not checked is told of faults that the schema finds; a missing name is none.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.custom &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      ownCauses(theirs, ours).every((cause) => /rules were not checked/u.test(cause)),
  },
  {
    reason: 'A dry run of a create never comes to the store of kube-apiserver, which would refuse a resourceVersion.',
    matches: ({ request, difference: { path, ours }, theirs }) =>
      isDry(request) && theirs.status === 201 && ours === undefined && path.endsWith('metadata.resourceVersion'),
  },
  {
    reason: 'An empty list is nothing given, and nobody comes to own it.',
    matches: ({ request, difference: { path } }) =>
      !request.kind.custom &&
      /metadata\.managedFields/u.test(path) &&
      /"(?:rules|verbs|resourceNames)":\[\]/u.test(bodyOf(request)),
  },
  {
    reason: 'A selfLink is not taken over.',
    matches: ({ difference: { path, theirs } }) => path.endsWith('metadata.selfLink') && theirs === '/self',
  },
  {
    reason: 'An object that goes with its last finalizer is answered with the version of its going.',
    matches: ({ difference: { path }, theirs }) => path === 'body.metadata.resourceVersion' && isLeaving(theirs.body),
  },
  {
    reason: 'A name is limited in bytes; the two server libraries of Kubernetes do not agree on what to call them.',
    matches: isMessage(/must be no more than \d+ characters/u, /must be no more than \d+ bytes/u),
  },
  {
    reason: 'An item of another type in a list by keys is told as such; kube-apiserver goes on to look for keys in it.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.custom &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      ownCauses(theirs, ours).every((cause) => /array of list-type map/u.test(cause)),
  },
  {
    reason:
      'An empty map that is applied twice stays, with what the server filled in; kube-apiserver takes it out with what nobody owns in it, and may find null in its place.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.custom &&
      /apply/u.test(request.headers['content-type'] ?? '') &&
      /:\{\}/u.test(bodyOf(request)) &&
      ours.status === 200 &&
      (theirs.status === 422
        ? causesOf(theirs).some((cause) => cause.includes('must be of type object: \\"null\\"'))
        : theirs.status === 200 && /spec|generation|resourceVersion|managedFields/u.test(path)),
  },
  {
    reason: 'A list of numbers is no text; Go takes it for bytes.',
    matches: ({ request, theirs, ours }) =>
      /"(?:binaryData|data)"/u.test(bodyOf(request)) &&
      theirs.status < 500 &&
      ours.status === 400 &&
      /must be of type string: "array"/u.test(messageOf(ours)),
  },
  {
    reason:
      'An apiVersion that a patch makes null is none given; kube-apiserver takes the object for one that it knows nothing of.',
    matches: ({ request, theirs }) =>
      request.method === 'PATCH' &&
      /"path":"\/apiVersion"/u.test(bodyOf(request)) &&
      theirs.status === 400 &&
      /was undeterminable/u.test(messageOf(theirs)),
  },
  {
    reason: 'An empty map is nothing given; kube-apiserver finds that it changes what is immutable.',
    matches: ({ request, theirs, ours }) =>
      ['ConfigMap', 'Secret'].includes(request.kind.kind) &&
      theirs.status === 422 &&
      [200, 422].includes(ours.status) &&
      ownCauses(theirs, ours).every((cause) => /field is immutable when/u.test(cause)) &&
      /:\{\}|null/u.test(bodyOf(request)),
  },
  {
    reason: 'A scale that stays as it is changes nothing; kube-apiserver writes down who asked for it.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.subresource === 'scale' &&
      path === 'body.metadata.resourceVersion' &&
      theirs.status === 200 &&
      ours.status === 200,
  },
  {
    reason: 'What an internal error is about is told once, in its message.',
    matches: ({ difference: { path, ours }, ...finding }) =>
      path === 'body.details' && ours === undefined && finding.theirs.status === 500 && finding.ours.status === 500,
  },
  {
    reason: 'A field of a status is told by its whole path; kube-apiserver begins at the status.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.subresource === 'status' &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      isSame(comparable(causesOf(theirs)), comparable(causesOf(ours).map(fromStatus))),
  },
  {
    reason: 'An empty list of metadata is an empty list.',
    matches: ({ difference: { path, theirs, ours } }) =>
      /^body\.(?:items|rows)$/u.test(path) && theirs === null && JSON.stringify(ours) === '[]',
  },
];

const quotaRefusal = /unsupported scope|not a valid selector operator|must be a standard resource|must not be empty/u;

/** Causes that only they tell. */
function ownCauses(theirs: Said, ours: Said): readonly string[] {
  const known = new Set(causesOf(ours));
  return causesOf(theirs).filter((cause) => !known.has(cause));
}

function causesOf({ body }: Said): readonly string[] {
  const { details } = body as { readonly details?: { readonly causes?: readonly unknown[] } };
  return (details?.causes ?? []).map((cause) => JSON.stringify(cause));
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

const typedPatch = /^failed to create typed patch object/u;

/** The fields that each found fault with. */
function typedFaults({ theirs, ours }: Difference): readonly [readonly string[], readonly string[]] {
  const fieldsOf = (text: unknown): readonly string[] => String(text).match(/(?<=[ ;)] ?)\.[^ :]+(?=:)/gu) ?? [];
  return [fieldsOf(theirs), fieldsOf(ours)];
}

function isSubset([some, all]: readonly [readonly string[], readonly string[]]): boolean {
  return some.every((each) => all.includes(each));
}

function isLeaving(body: unknown): boolean {
  const { metadata } = body as { readonly metadata?: Readonly<Record<string, unknown>> };
  return metadata?.['deletionTimestamp'] !== undefined && metadata['finalizers'] === undefined;
}

function bodyOf({ body }: StreamRequest): string {
  return JSON.stringify(body ?? '');
}

/** A watch that is refused has a Status for its only event. */
function messageOf(said: Said): string {
  const body: unknown = Array.isArray(said.body) ? said.body[0] : said.body;
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
}

export function explain(finding: Finding): Explanation | undefined {
  return explanations.find(({ matches }) => matches(finding));
}

function isMessage(theirs: RegExp, ours: RegExp): (finding: Finding) => boolean {
  return ({ difference }) =>
    /(?:^|\.)message$/u.test(difference.path) &&
    theirs.test(String(difference.theirs)) &&
    ours.test(String(difference.ours));
}
