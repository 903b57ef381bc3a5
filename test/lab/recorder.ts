import type { Client, ObjectKey, ResourceType, WriteOptions } from '#runtime/client/client.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/**
 * What a client asked of its server, one line a call: verb, object, options, body. Left out is what is a matter of time: watches, events, leases, looks at
 * the Host and at the store's identity, what was asked again, and statuses that another one followed.
 */
export interface Recorder {
  readonly client: Client;
  /** The lines since the last call, sorted, in a spelling that does not tell two runs apart. */
  take(): readonly string[];
}

/** A client that notes what goes through it. */
export function recorder(client: Client): Recorder {
  const calls = new Map<string, string>();
  const note = (verb: string, { kind, group }: ResourceType, key: Partial<ObjectKey>, more: unknown): void => {
    if (timeDriven.has(kind)) return;
    const place = [group, kind, key.namespace, key.name].filter((part) => part !== undefined && part !== '').join('/');
    const line = normalized(`${verb} ${place} ${textOf(more)}`);
    const { subresource, fieldManager } = (more as { readonly options?: WriteOptions }).options ?? {};
    calls.set(subresource === 'status' ? normalized(`${place} ${fieldManager ?? ''}`) : line, line);
  };
  const body = (verb: string, type: ResourceType, object: KubeObject, options: unknown): void =>
    note(verb, type, object.metadata, { object, options });
  return {
    take: () => {
      const taken = [...calls.values()].toSorted();
      calls.clear();
      return taken;
    },
    client: {
      ...client,
      get: (type, key, signal) => (note('get', type, key, {}), client.get(type, key, signal)),
      list: (type, options = {}) => (note('list', type, options, options), client.list(type, options)),
      create: (type, object, options) => (body('create', type, object, options), client.create(type, object, options)),
      replace: (type, object, options) => (
        body('replace', type, object, options),
        client.replace(type, object, options)
      ),
      patch: (type, key, patch, options) => (
        note('patch', type, key, { patch, options }),
        client.patch(type, key, patch, options)
      ),
      apply: (type, object, options) => (body('apply', type, object, options), client.apply(type, object, options)),
      delete: (type, key, options) => (note('delete', type, key, options ?? {}), client.delete(type, key, options)),
    },
  };
}

/** Asked for from time to time, or as often as something is worth telling. */
const timeDriven: ReadonlySet<string> = new Set(['Event', 'Lease', 'Host', 'Namespace']);

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const version = /"resourceVersion":"\d+"/g;

function textOf(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => (key === 'signal' ? undefined : part));
}

function normalized(line: string): string {
  return line.replace(uuid, '<uid>').replace(time, '<time>').replace(version, '"resourceVersion":"<version>"');
}
