import { isRecord } from '#runtime/base/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { STREAMS, type StreamTarget } from '#schemas/meta/streams.ts';
import type { RemoteUser } from './front-proxy.ts';

const reviews: ResourceType = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};

/** What each stream takes. A shell is more than reading, though WebSockets begin with GET. */
const verbs: Readonly<Record<NonNullable<StreamTarget['operation']> | StreamTarget['subresource'], string>> = {
  log: 'get',
  exec: 'create',
  dump: 'get',
  restore: 'create',
  shell: 'create',
  web: 'create',
  attach: 'create',
  proxy: 'create',
  files: 'get',
  archive: 'create',
};

/** Asks the API server whether somebody may; ApiError 403 when not. */
export async function requireRight(
  client: Client,
  user: RemoteUser,
  asked: { readonly target: StreamTarget; readonly signal: AbortSignal },
): Promise<void> {
  const { resource, subresource, operation, namespace, name } = asked.target;
  const verb = verbs[operation ?? subresource];
  const resourceAttributes = {
    group: STREAMS.group,
    version: STREAMS.version,
    resource,
    subresource,
    namespace,
    name,
    verb,
  };
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: { user: user.name, groups: user.groups, extra: user.extra, resourceAttributes },
  };
  const { status } = await client.create<typeof review & { readonly status?: unknown }>(reviews, review, asked);
  if (isRecord(status) && status['allowed'] === true) return;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  throw new ApiError(
    403,
    'Forbidden',
    `${resource}.${STREAMS.group} "${name}" is forbidden: User "${user.name}" cannot ${verb} resource "${resource}/${subresource}" in API group "${STREAMS.group}" ${where}`,
    { name, group: STREAMS.group, kind: resource },
  );
}
