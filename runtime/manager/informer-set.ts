import type { Clock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { SELECTABLE_PLACEMENT } from '#schemas/meta/fragments.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Cache, CacheIndex } from './cache.ts';
import { createInformer, type Informer, type ObjectChange } from './informer.ts';
import { createInformerCache, kindId } from './informer-cache.ts';

/** Which objects of host-bound kinds an agent sees: those placed on it, those on their way to it, and those that it is rid of soon. */
export interface HostSelector {
  /** Name of the Host. */
  readonly host: string;
}

/** The informers of a process: one per kind and selector, shared by all who read the kind. */
export interface InformerSet {
  readonly cache: Cache;
  /** Declares that a kind is read; before `run`. */
  add(kind: KindDefinition): void;
  addIndex(kind: KindDefinition, index: CacheIndex): void;
  /** Changes of a kind, from all of its informers. */
  subscribe(kind: KindDefinition, listener: (change: ObjectChange) => void): void;
  /** Resolves when every informer has read all once. */
  synced(): Promise<void>;
  /** Follows until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface InformerSetOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly clock: Clock;
  readonly hostSelector?: HostSelector | undefined;
  /** By `kindId`: of which kinds only a part is of interest, or may be seen. */
  readonly scopes?: Readonly<Record<string, Scope>> | undefined;
}

/** The part of a kind's objects that is read. */
export interface Scope {
  /** `metadata.name=web1` */
  readonly fieldSelector?: string;
  readonly namespace?: string;
}

/** An object that leaves one selection comes into another: the news of both arrive by different ways, in any order. */
const lingerMs = 250;

interface Member {
  readonly informers: readonly Informer[];
  readonly indexes: Map<string, CacheIndex>;
}

/** A set without informers. */
export function createInformerSet(options: InformerSetOptions): InformerSet {
  const members = new Map<string, Member>();
  const memberOf = (kind: KindDefinition): Member => {
    const id = kindId(kind);
    const known = members.get(id);
    if (known !== undefined) return known;
    const scopes = scopesOf(kind, options);
    const informers = scopes.map((scope) =>
      createInformer({
        client: options.client,
        type: resourceTypeOf(kind),
        log: options.log,
        clock: options.clock,
        keepsManager: isOurManager,
        metadataOnly: kindId(kind) === '/secrets',
        ...(scopes.length > 1 ? { lingerMs } : {}),
        ...scope,
      }),
    );
    const member = { informers, indexes: new Map<string, CacheIndex>() };
    members.set(id, member);
    return member;
  };
  const all = (): readonly Informer[] => [...members.values()].flatMap(({ informers }) => informers);
  return {
    cache: createInformerCache((id) => members.get(id)?.informers),
    add: (kind) => void memberOf(kind),
    addIndex: (kind, index) => {
      const { informers, indexes } = memberOf(kind);
      if (indexes.has(index.name)) return;
      indexes.set(index.name, index);
      for (const informer of informers) informer.addIndex(index);
    },
    subscribe: (kind, listener) => {
      for (const informer of memberOf(kind).informers) informer.subscribe(listener);
    },
    synced: async () => {
      await Promise.all(all().map(({ synced }) => synced));
    },
    run: async (signal) => {
      await Promise.all(all().map(async (informer) => await informer.run(signal)));
    },
  };
}

function isOurManager(manager: string): boolean {
  return manager.startsWith('wcp360-');
}

/** One informer per scope; an empty one stands for all objects. */
function scopesOf(kind: KindDefinition, options: InformerSetOptions): readonly Scope[] {
  const own = options.scopes?.[kindId(kind)];
  if (own !== undefined) return [own];
  const host = options.hostSelector?.host;
  if (host === undefined) return [{}];
  const placed = SELECTABLE_PLACEMENT.filter((path) => kind.selectableFields?.includes(path) === true);
  return placed.length === 0 ? [{}] : placed.map((path) => ({ fieldSelector: `${path.slice(1)}=${host}` }));
}
