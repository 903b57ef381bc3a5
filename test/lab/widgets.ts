import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { ownerId, type Driver } from '#runtime/drivers/driver.ts';
import { defineController, type Controller, type Outcome } from '#runtime/manager/controller.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { toCrd } from '#schemas/meta/crd.ts';
import { conditionsField, observedGenerationField, textField } from '#schemas/meta/fragments.ts';
import { defineKind, type ResourceOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { LabApi } from './lab-api.ts';
import { patienceMs } from './patience.ts';

/** A kind for tests of the machinery: things that stand on shelves. */
export const widgetKind = defineKind({
  group: 'test.wcp360.io',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  shortNames: [],
  categories: [],
  scope: 'Namespaced',
  description: 'Parts on a shelf.',
  spec: {
    type: 'object',
    description: 'What shall stand there.',
    properties: {
      parts: { type: 'array', description: 'Names of parts.', items: textField('A part.'), default: [] },
      needs: textField('A ConfigMap that must be there first.'),
      drift: {
        type: 'string',
        description: 'What to do about drift.',
        enum: ['Enforce', 'Warn', 'Observe'],
        default: 'Enforce',
      },
    },
  },
  status: {
    type: 'object',
    description: 'What stands there.',
    properties: {
      observedGeneration: observedGenerationField,
      lastHandledRequestAt: textField('The last request.'),
      parts: { type: 'array', description: 'Parts that were found.', items: textField('A part.') },
      host: textField('Where.'),
      conditions: conditionsField,
    },
  },
  columns: [],
});

export type Widget = ResourceOf<typeof widgetKind>;

export const widgetType = resourceTypeOf(widgetKind);

export const configMapKind = defineKind({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: [],
  categories: [],
  scope: 'Namespaced',
  description: 'Built in.',
  spec: { type: 'object' },
  status: { type: 'object' },
  columns: [],
});

export const configMapType = resourceTypeOf(configMapKind);

/** Parts by `ownerId`, on two shelves, and what can go wrong there. */
export interface Shop {
  readonly lower: Map<string, Set<string>>;
  readonly upper: Map<string, Set<string>>;
  /** `put lower a`, in order. */
  readonly history: string[];
  readonly settled: (readonly string[])[];
  looks: number;
  /** How long a settle takes. */
  settleMs: number;
  /** Called before each action; throws to break it. */
  before: (what: string) => void;
  /** Somebody else changed what stands there. */
  drift: (owners: readonly string[] | undefined) => void;
  /** What the look from outside says. */
  isOpen: boolean;
}

export function newShop(): Shop {
  return {
    lower: new Map(),
    upper: new Map(),
    history: [],
    settled: [],
    looks: 0,
    settleMs: 0,
    before: () => undefined,
    drift: () => undefined,
    isOpen: true,
  };
}

export interface ShopWorld {
  readonly shop: Shop;
}

type Parts = ReadonlySet<string>;
type Snapshot = Map<string, ReadonlySet<string>>;
type ShelfAction<Name extends string> = Action<
  Name,
  'put-part' | 'delete-part',
  { readonly owner: string; readonly part: string }
>;

/** A driver of one shelf. */
export function shelfDriver<Name extends 'lower' | 'upper'>(
  name: Name,
): Driver<Name, Snapshot, Parts, ShelfAction<Name>, ShopWorld> {
  return {
    name,
    nothing: new Set(),
    normalize: (desired) => new Set([...desired].map((part) => part.toLowerCase())),
    observe: ({ shop }) => {
      shop.looks += 1;
      return Promise.resolve(new Map([...shop[name]].map(([owner, parts]) => [owner, new Set(parts)])));
    },
    advance: (snapshot, done) => {
      for (const { op, input } of done) {
        const parts = new Set(snapshot.get(input.owner));
        if (op === 'put-part') parts.add(input.part);
        else parts.delete(input.part);
        snapshot.set(input.owner, parts);
      }
      return snapshot;
    },
    of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? new Set(),
    plan: (owner, desired, observed) => {
      const act = (op: 'put-part' | 'delete-part', part: string): ShelfAction<Name> => ({
        driver: name,
        op,
        subject: `${name}/${ownerId(owner)}/${part}`,
        reason: op === 'put-part' ? 'missing' : 'no longer wanted',
        disruption: 'none',
        changes: [],
        input: { owner: ownerId(owner), part },
      });
      return [
        ...[...desired.difference(observed)].toSorted().map((part) => act('put-part', part)),
        ...[...observed.difference(desired)].toSorted().map((part) => act('delete-part', part)),
      ];
    },
    apply: ({ op, input }, { shop }) => {
      const what = `${op === 'put-part' ? 'put' : 'delete'} ${name} ${input.part}`;
      shop.before(what);
      const parts = shop[name].get(input.owner) ?? new Set();
      if (op === 'put-part') parts.add(input.part);
      else parts.delete(input.part);
      if (parts.size === 0) shop[name].delete(input.owner);
      else shop[name].set(input.owner, parts);
      shop.history.push(what);
      return Promise.resolve();
    },
    settle: async (done, { shop }) => {
      shop.settled.push(done.map(({ subject }) => subject));
      await delay(shop.settleMs);
    },
    watchDrift: ({ shop }, onDrift, signal) => {
      if (name === 'lower') shop.drift = (owners) => (signal.aborted ? undefined : onDrift(owners));
      return Promise.resolve();
    },
  };
}

type ShopDrivers = {
  readonly lower: ReturnType<typeof shelfDriver<'lower'>>;
  readonly upper: ReturnType<typeof shelfDriver<'upper'>>;
};

export type WidgetController = Controller<typeof widgetKind, ShopWorld, ShopDrivers, Widget>;

/** Every part on both shelves; `refused` is not dealt in. */
export function widgetController(changes: Partial<WidgetController> = {}): WidgetController {
  return defineController<typeof widgetKind, ShopWorld, ShopDrivers, Widget>({
    name: 'widget.host',
    kind: widgetKind,
    finalizer: 'test.wcp360.io/host',
    drivers: { lower: shelfDriver('lower'), upper: shelfDriver('upper') },
    watches: [
      {
        kind: configMapKind,
        keysOf: (changed, cache) =>
          cache
            .list(widgetKind, changed.metadata.namespace)
            .filter((widget) => widget.spec.needs === changed.metadata.name)
            .map(({ metadata: { name, namespace } }) => ({ name, namespace })),
      },
    ],
    gather: (widget, cache) => {
      const { needs, parts } = widget.spec;
      if (parts.includes('refused')) return { refused: { reason: 'NotDealtIn', message: 'There is no such part.' } };
      if (
        needs !== undefined &&
        cache.get(configMapKind, { namespace: widget.metadata.namespace, name: needs }) === undefined
      ) {
        return { pending: { reason: 'Missing', message: `ConfigMap ${needs} is not there yet.` } };
      }
      return widget;
    },
    desired: (widget) => ({ lower: new Set(widget.spec.parts), upper: new Set(widget.spec.parts) }),
    driftPolicy: (widget) => widget.spec.drift,
    status: (_widget, { observed, outcome, probes }) => ({
      fields: observed === undefined ? {} : { parts: [...observed.lower].toSorted() },
      conditions: [
        {
          type: 'Ready',
          ...readiness(
            outcome,
            probes.every(({ ok }) => ok),
          ),
        },
      ],
    }),
    probe: (_widget, _inputs, { shop }) => Promise.resolve([{ ok: shop.isOpen, reason: 'Open', message: 'Looked.' }]),
    ...changes,
  });
}

function readiness(outcome: Outcome, isOpen: boolean): { status: 'True' | 'False'; reason: string; message: string } {
  if (outcome.phase === 'synced') {
    return isOpen
      ? { status: 'True', reason: 'Standing', message: 'All parts stand.' }
      : { status: 'False', reason: 'Closed', message: 'The shop is closed.' };
  }
  if (outcome.phase === 'drifted')
    return { status: 'False', reason: 'Drifted', message: `${outcome.withheld.length} withheld.` };
  return { status: 'False', reason: outcome.reason, message: outcome.message };
}

/** A manifest; `parts` stand on both shelves. */
export function aWidget(
  name: string,
  spec: Partial<Widget['spec']> = {},
  metadata: Partial<KubeObject['metadata']> = {},
): KubeObject {
  return {
    apiVersion: 'test.wcp360.io/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'default', ...metadata },
    spec,
  };
}

/** A client of the lab's administrator that counts what it writes. */
export async function labClient(
  lab: Pick<LabApi, 'kubeconfig'>,
  options: { readonly server?: string } = {},
): Promise<{ readonly client: Client; readonly writes: string[] }> {
  const writes: string[] = [];
  const client = createClient({
    ...(await loadKubeconfig({ path: lab.kubeconfig })),
    ...options,
    userAgent: 'lab',
    onAnswer: (method, status) => {
      if (method !== 'GET') writes.push(`${method} ${status}`);
    },
  });
  return { client, writes };
}

/** Serves widgets; resolves when the server does. */
export async function installKind(client: Client, kind: Parameters<typeof toCrd>[0]): Promise<void> {
  const crds = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  };
  await client.apply(crds, toCrd(kind), { fieldManager: 'lab', force: true });
  await eventually(async () => {
    try {
      await client.list(resourceTypeOf(kind));
      return true;
    } catch (err) {
      if (isStatus(err, 404)) return false;
      throw err;
    }
  }, `${kind.kind} to be served`);
}

/** Waits until `look` gives something truthy, at most as long as only a busy machine takes. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what: string,
  timeoutMs = patienceMs,
): Promise<NonNullable<T>> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await delay(10)) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
  }
  throw new Error(`waited in vain for ${what}`);
}

/** The condition of a type, if it is there. */
export function conditionOf(object: KubeObject | undefined, type: string): Record<string, unknown> | undefined {
  const status = object?.['status'] as { conditions?: readonly Record<string, unknown>[] } | undefined;
  return status?.conditions?.find((condition) => condition['type'] === type);
}

/** What refuses an action for good. */
export function refusal(message: string): RefusedError {
  return new RefusedError('OutOfStock', message);
}

/** Both shelves as plain data. */
export function shelves(shop: Shop): {
  readonly lower: Record<string, readonly string[]>;
  readonly upper: Record<string, readonly string[]>;
} {
  const plain = (shelf: Map<string, Set<string>>): Record<string, readonly string[]> =>
    Object.fromEntries(
      [...shelf].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([owner, parts]) => [owner, [...parts].toSorted()]),
    );
  return { lower: plain(shop.lower), upper: plain(shop.upper) };
}
