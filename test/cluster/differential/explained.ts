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
    matches: (finding) =>
      [406, 415].includes(finding.ours.status) &&
      (finding.difference.path === 'body.details' ||
        isMessage(/^4\d\d: (?:Not Acceptable|Unsupported Media Type)/u, /media types/u)(finding)),
  },
  {
    reason: 'These texts name types, packages and lines of Go.',
    matches: isMessage(
      /Go struct field|Go value of type|scheme\.go|unstructured object|got &|got map\[|StorageError|unexpected end of JSON input|Invalid value: "(?:map\[|\{)|got \[\]|error converting YAML|is missing in 'null'|handled as a .*Object 'Kind' is missing|invalid continue token|\{"(?:APIGroup|Kind)"/u,
      /./u,
    ),
  },
  {
    reason:
      'A resourceVersion that is no number is a mistake of the client, and so is one on an object to be created: 400. kube-apiserver says 500 where its cache finds out, or its store.',
    matches: ({ request, theirs, ours }) =>
      theirs.status === 500 &&
      ours.status === 400 &&
      (request.query['resourceVersion'] === 'x' || /resourceVersion|strconv/u.test(messageOf(theirs))),
  },
  {
    reason:
      'What is applied or patched and cannot be read is a mistake of the client: 400, and a status that is not taken over is not read at all. kube-apiserver says 500.',
    matches: ({ theirs }) =>
      theirs.status === 500 &&
      /failed to convert new object|declared merge key|list element types are not identical|failed to create typed patch object.* \.status/u.test(
        messageOf(theirs),
      ),
  },
  {
    reason:
      'An account that names a secret without a name can be applied all the same. kube-apiserver takes it from any other client, and then fails to read it: 500.',
    matches: ({ theirs }) =>
      theirs.status === 500 && /failed to create typed live object.* omits all key fields/u.test(messageOf(theirs)),
  },
  {
    reason:
      'Where a list is asked for as one object, or the other way round, we go on to what else is accepted; kube-apiserver refuses after it has done what was asked.',
    matches: ({ request, theirs }) =>
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
    matches: isMessage(/^failed to create typed patch object/u, /^failed to create typed patch object/u),
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
      'kube-apiserver forgets who manages a custom object when its fields cannot be told apart; we keep what can be known.',
    matches: ({ request, difference: { path, theirs } }) =>
      (theirs === undefined && path.endsWith('metadata.managedFields')) ||
      (request.kind.custom &&
        /metadata\.(?:managedFields|resourceVersion)/u.test(path) &&
        /"status"/u.test(bodyOf(request))),
  },
  {
    reason:
      'A quota here limits whatever it names, and has no pods to select by scope; kube-apiserver knows a list of names and scopes.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.kind === 'ResourceQuota' &&
      theirs.status === 422 &&
      (ours.status < 300 || /^body\.(?:details|message)/u.test(path)),
  },
  {
    reason: 'kube-apiserver keeps events out of its cache, and pages them even when anything goes (resourceVersion 0).',
    matches: ({ request }) =>
      request.kind.kind === 'Event' && request.query['resourceVersion'] === '0' && request.query['limit'] !== undefined,
  },
  {
    reason:
      'A field that is no whole number is told once, in the words of OpenAPI; kube-apiserver adds what its validator calls it.',
    matches: ({ request, theirs }) =>
      request.kind.custom && /Checked value must be of type|float64/u.test(JSON.stringify(theirs.body)),
  },
  {
    reason:
      'What managers a client claims is kept when it can be read; kube-apiserver forgets all managers when one of them cannot own what it claims.',
    matches: ({ request, difference: { path } }) =>
      /managedFields|resourceVersion/u.test(path) && bodyOf(request).includes('managedFields'),
  },
  {
    reason: 'Who managed an event in one of its two groups is known when it is applied in the other.',
    matches: ({ request, difference: { path } }) =>
      request.kind.kind === 'Event' && /managedFields|resourceVersion/u.test(path),
  },
  {
    reason:
      'An object in a namespace that is not there is refused for what it is first; kube-apiserver looks for the namespace first.',
    matches: ({ request, theirs }) => request.namespace === 'nowhere' && theirs.status === 404,
  },
  {
    reason: 'A number that does not fit is refused; kube-apiserver lets it wrap around when it is applied.',
    matches: ({ request, theirs, ours }) =>
      theirs.status !== ours.status && ours.status >= 400 && /214748364[89]|9007199254740994/u.test(bodyOf(request)),
  },
  {
    reason:
      'An apply that changes nothing but who owns what has a time when it changes what its own manager owned before.',
    matches: ({ difference: { path, theirs, ours } }) =>
      /managedFields\[\d+\]\.time$/u.test(path) && (theirs === undefined || ours === undefined),
  },
  {
    reason: 'That rules were not checked is told of faults that the schema finds; a missing name is none.',
    matches: ({ request, difference: { path }, theirs }) =>
      request.kind.custom &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      /rules were not checked/u.test(JSON.stringify(theirs.body)) &&
      /metadata\.name/u.test(JSON.stringify(theirs.body)),
  },
  {
    reason: 'All faults of an event are told at once; kube-apiserver looks at its metadata when it finds nothing else.',
    matches: ({ request, difference: { path }, theirs, ours }) =>
      request.kind.kind === 'Event' &&
      theirs.status === 422 &&
      ours.status === 422 &&
      /^body\.(?:details\.causes|message)/u.test(path),
  },
  {
    reason: 'A dry run of a create never comes to the store of kube-apiserver, which would refuse a resourceVersion.',
    matches: ({ request, difference: { path } }) => isDry(request) && /resourceVersion/u.test(path),
  },
  {
    reason: 'An empty list is nothing given, and nobody comes to own it.',
    matches: ({ request, difference: { path } }) =>
      !request.kind.custom && /managedFields/u.test(path) && /"(?:rules|verbs)":\[\]/u.test(bodyOf(request)),
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
    matches: ({ request, difference: { path }, theirs }) =>
      request.kind.custom &&
      /^body\.(?:details\.causes|message)/u.test(path) &&
      /array of list-type map/u.test(JSON.stringify(theirs.body)),
  },
  {
    reason:
      'An empty map that is applied twice stays, with what the server filled in; kube-apiserver takes it out with what nobody owns in it.',
    matches: ({ request, difference: { path } }) =>
      request.kind.custom &&
      /apply/u.test(request.headers['content-type'] ?? '') &&
      /spec|generation|resourceVersion|managedFields/u.test(path) &&
      /:\{\}/u.test(bodyOf(request)),
  },
  {
    reason:
      'An empty resourceVersion is none; kube-apiserver finds that it was taken away from a custom object that is patched.',
    matches: ({ request, theirs }) =>
      request.kind.custom &&
      request.method === 'PATCH' &&
      theirs.status === 422 &&
      /must be specified for an update/u.test(JSON.stringify(theirs.body)),
  },
  {
    reason: 'A row of a table about an event tells its age in another column.',
    matches: ({ request, difference: { path } }) => request.kind.kind === 'Event' && path.startsWith('body.rows'),
  },
  {
    reason: 'A list of numbers is no text; Go takes it for bytes.',
    matches: isMessage(/undeterminable/u, /must be of type string: "array"/u),
  },
  {
    reason: 'An empty list of metadata is an empty list.',
    matches: ({ difference: { path, theirs, ours } }) =>
      /^body\.(?:items|rows)$/u.test(path) && theirs === null && JSON.stringify(ours) === '[]',
  },
];

function isLeaving(body: unknown): boolean {
  const { metadata } = body as { readonly metadata?: Readonly<Record<string, unknown>> };
  return metadata?.['deletionTimestamp'] !== undefined && metadata['finalizers'] === undefined;
}

function bodyOf({ body }: StreamRequest): string {
  return JSON.stringify(body ?? '');
}

function messageOf({ body }: Said): string {
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
