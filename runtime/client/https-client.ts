import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { KubeList, KubeObject } from '#schemas/meta/object.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectKey,
  PatchType,
  RawAnswer,
  RawOptions,
  ResourceType,
} from './client.ts';
import { staticCredentials, type Credentials, type StaticCredentialsOptions } from './credentials.ts';
import { send, type Wire } from './exchanges.ts';
import { acceptOf, listQuery, writeQuery } from './query.ts';
import { collectionPathOf, keyOf, pathOf } from './resource-type.ts';
import { statusError } from './status-error.ts';
import { streamBody } from './stream-body.ts';
import { createTransport, type WireAnswer } from './transport.ts';
import { watchEvents } from './watch-events.ts';

export interface ClientOptions {
  /** `https://host:port`, with a path when the API stands below one. */
  readonly server: string;
  /** Fixed certificates or a token; or `credentials`, when they rotate. */
  readonly tls?: StaticCredentialsOptions;
  readonly credentials?: Credentials;
  /** `wcpctl/1.2.3`: also the field manager of writes that name none. */
  readonly userAgent?: string;
  /** For one exchange; 30 s unless given. Watches live as long as they speak. */
  readonly requestTimeoutMs?: number;
  /** At once, without watches; 32 unless given. */
  readonly maxConnections?: number;
  /** Longest answer, and longest event of a watch; 256 MiB unless given. Lists beyond that need paging. */
  readonly maxBytes?: number;
  /** Acts as somebody else (`--as`), where the server allows it. */
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] };
  /** Texts of `Warning` headers. */
  readonly onWarning?: (text: string) => void;
  /** Called with each answer's code, for metrics. */
  readonly onAnswer?: (method: string, status: number) => void;
  readonly clock?: Clock;
}

const contentTypeOf: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A client of one server. Opens connections when they are needed; `close` ends them. */
export function createClient(options: ClientOptions): Client {
  const wire = wireOf(options);
  const client: Client = {
    ...readVerbs(wire),
    ...writeVerbs(wire),
    apply: async (type, object, write) => {
      const { force, ...rest } = write;
      const patch = { type: 'apply' as const, body: object, ...(force === undefined ? {} : { force }) };
      return await client.patch(type, keyOf(object), patch, rest);
    },
    delete: async (type, key, remove = {}) => await deleteObject(wire, type, { key, ...remove }),
    raw: async (method, path, raw = {}) => await rawCall(wire, { method, path, ...raw }),
    stream: (path, { body, signal, silenceMs = wire.timeoutMs } = {}) =>
      streamBody(wire, { method: body === undefined ? 'GET' : 'POST', path, body, signal, timeoutMs: silenceMs }),
    requestOptions: async (path) => await wire.transport.requestOptions({ method: 'GET', path, timeoutMs: 0 }),
    close: () => {
      wire.transport.close();
      return Promise.resolve();
    },
  };
  return client;
}

/** Servers written in Go say null for a list of nothing where they leave it to the language. */
type Nullable<L extends KubeList<KubeObject>> = Omit<L, 'items'> & { readonly items: L['items'] | null };

function readVerbs(wire: Wire): Pick<Client, 'get' | 'list' | 'watch'> {
  return {
    get: async <T extends KubeObject>(type: ResourceType, key: ObjectKey, signal?: AbortSignal) => {
      const answer = await send(wire, { method: 'GET', path: pathOf(type, key), signal });
      return isObjectAbsent(answer) ? undefined : parseAnswer<T>(answer);
    },
    list: async <T extends KubeObject>(type: ResourceType, options: ListOptions = {}) => {
      const path = collectionPathOf(type, options.namespace) + listQuery(options);
      const request = { method: 'GET', path, headers: acceptOf(options), signal: options.signal };
      const list = parseAnswer<Nullable<KubeList<T>>>(await send(wire, request));
      return { ...list, items: list.items ?? [] };
    },
    watch: (type, options) => watchEvents(wire, type, options),
  };
}

function writeVerbs(wire: Wire): Pick<Client, 'create' | 'replace' | 'patch'> {
  const write = async <T>(method: string, path: string, call: WriteCall): Promise<T> => {
    const headers = { 'content-type': call.contentType ?? 'application/json' };
    return parseAnswer<T>(await send(wire, { method, path, headers, body: call.body, signal: call.signal }));
  };
  return {
    create: async (type, object, options = {}) => {
      const { subresource, signal } = options;
      const collection = collectionPathOf(type, object.metadata.namespace);
      const path = subresource === undefined ? collection : pathOf(type, keyOf(object), subresource);
      return await write('POST', path + writeQuery(options), { body: JSON.stringify(object), signal });
    },
    replace: async (type, object, options = {}) => {
      const path = pathOf(type, keyOf(object), options.subresource) + writeQuery(options);
      return await write('PUT', path, { body: JSON.stringify(object), signal: options.signal });
    },
    patch: async (type, key, patch, options = {}) => {
      const path = pathOf(type, key, options.subresource) + writeQuery(options, patch.force);
      const contentType = contentTypeOf[patch.type];
      return await write('PATCH', path, { body: JSON.stringify(patch.body), contentType, signal: options.signal });
    },
  };
}

interface WriteCall {
  readonly body: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

function wireOf(options: ClientOptions): Wire {
  const credentials = options.credentials ?? staticCredentials(options.tls);
  const maxBytes = options.maxBytes ?? 256 * 2 ** 20;
  const { impersonate } = options;
  const transport = createTransport({
    server: options.server,
    credentials,
    headers: {
      'user-agent': options.userAgent ?? 'wcp360',
      ...(impersonate === undefined ? {} : { 'impersonate-user': impersonate.user }),
      ...(impersonate === undefined || impersonate.groups.length === 0
        ? {}
        : { 'impersonate-group': impersonate.groups }),
    },
    maxConnections: options.maxConnections ?? 32,
    maxBytes,
  });
  return {
    transport,
    credentials,
    clock: options.clock ?? systemClock,
    timeoutMs: options.requestTimeoutMs ?? 30_000,
    maxBytes,
    onWarning: options.onWarning,
    onAnswer: options.onAnswer,
  };
}

function parseAnswer<T>(answer: WireAnswer): T {
  if (answer.status < 200 || answer.status > 299) throw statusError(answer.status, answer.body);
  try {
    return JSON.parse(answer.body) as T;
  } catch (err) {
    throw new HostError('the server answered with something that is no JSON', {}, { cause: err });
  }
}

// Only an object's own absence: a resource that is not served (no `details.name`) is an error, or a missing CRD would look like missing objects.
function isObjectAbsent(answer: WireAnswer): boolean {
  return answer.status === 404 && statusError(404, answer.body).details.name !== undefined;
}

async function deleteObject(
  wire: Wire,
  type: ResourceType,
  options: DeleteOptions & { readonly key: ObjectKey },
): Promise<KubeObject | undefined> {
  const { key, signal, dryRun, ...wanted } = options;
  const body = JSON.stringify({
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ...wanted,
    ...(dryRun === true ? { dryRun: ['All'] } : {}),
  });
  const headers = { 'content-type': 'application/json' };
  const answer = await send(wire, { method: 'DELETE', path: pathOf(type, key), headers, body, signal });
  if (isObjectAbsent(answer)) return undefined;
  const object = parseAnswer<KubeObject>(answer);
  return object.kind === 'Status' ? undefined : object;
}

async function rawCall(
  wire: Wire,
  call: RawOptions & { readonly method: string; readonly path: string },
): Promise<RawAnswer> {
  const answer = await send(wire, call);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return { status: answer.status, headers, body: answer.body };
}
