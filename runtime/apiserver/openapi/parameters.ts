/** A parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

export const NAME_PARAMETER: Parameter = {
  name: 'name',
  in: 'path',
  type: 'string',
  description: 'Name of the object.',
};
export const NAMESPACE_PARAMETER: Parameter = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'Namespace that the object is in.',
};

const PRETTY = query('pretty', 'string', 'Set to "true" for an answer with line breaks and indentation.');
const DRY_RUN = query('dryRun', 'string', 'Set to "All" to have everything checked and nothing stored.');
const FIELD_MANAGER = query('fieldManager', 'string', 'Who is recorded as the owner of the fields that change.');
const FIELD_VALIDATION = query(
  'fieldValidation',
  'string',
  'What happens to unknown and duplicate fields: Strict refuses them, Warn drops them with a warning, Ignore drops them.',
);
const FORCE = query('force', 'boolean', 'Server-side apply only: take over fields that others own.');

const LIST: readonly Parameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Ask a watch for bookmarks, which tell how far it has come.'),
  query('continue', 'string', 'Where the page before this one ended.'),
  query('fieldSelector', 'string', 'Only objects with these values in fields.'),
  query('labelSelector', 'string', 'Only objects with these labels.'),
  query('limit', 'integer', 'Most objects in one answer.'),
  query('resourceVersion', 'string', 'How recent the answer must be, or where a watch starts.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Begin a watch with what is there already.'),
  query('timeoutSeconds', 'integer', 'When the server ends the request.'),
  query('watch', 'boolean', 'Stream changes instead of listing.'),
];

const DELETE: readonly Parameter[] = [
  DRY_RUN,
  query('gracePeriodSeconds', 'integer', 'Seconds until the object goes.'),
  query('orphanDependents', 'boolean', 'Old form of propagationPolicy.'),
  query('propagationPolicy', 'string', 'What happens to dependents: Orphan, Background or Foreground.'),
];

const WRITE: readonly Parameter[] = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

/** The query parameters of each action. They stand on the operation itself: kubectl looks for `fieldValidation` there only. */
export const QUERY_PARAMETERS = {
  get: [PRETTY],
  list: [...LIST, PRETTY],
  post: [...WRITE, PRETTY],
  put: [...WRITE, PRETTY],
  patch: [...WRITE, FORCE, PRETTY],
  delete: [...DELETE, PRETTY],
  deletecollection: [...LIST, ...DELETE, PRETTY],
} as const satisfies Readonly<Record<string, readonly Parameter[]>>;

/** The words of `x-kubernetes-action`. */
export type Action = keyof typeof QUERY_PARAMETERS;
