import { isDeepStrictEqual } from 'node:util';
import type { LabApi } from '#test/lab/lab-api.ts';
import { eventually } from '#test/lab/widgets.ts';

/** What controllers do, in their own time: only where it ends can be compared, so each of these says where that is. */
export interface Settlement {
  readonly name: string;
  /** Objects of a namespace, in the order in which they are made. */
  readonly objects: readonly Part[];
  readonly deleted: string;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
  /** What stays, and how. */
  readonly ends: Readonly<Record<string, Ending>>;
}

/** A ConfigMap. */
interface Part {
  readonly name: string;
  readonly owners?: readonly { readonly name: string; readonly blocks: boolean }[];
  readonly finalizers?: readonly string[];
}

interface Ending {
  readonly owners: readonly string[];
  readonly finalizers: readonly string[];
  readonly isGoing: boolean;
}

const held = 'test.wcp360.io/held';
const owner: Part = { name: 'owner' };
const dependent: Part = { name: 'dependent', owners: [{ name: 'owner', blocks: true }] };
const intact: Ending = { owners: [], finalizers: [], isGoing: false };
const heldBack: Ending = { owners: ['owner'], finalizers: [held], isGoing: true };

export const settlements: readonly Settlement[] = [
  {
    name: 'dependents go with their owner, however deep',
    objects: [owner, dependent, { name: 'third', owners: [{ name: 'dependent', blocks: false }] }],
    deleted: 'owner',
    propagationPolicy: 'Background',
    ends: {},
  },
  {
    name: 'an owner goes after its dependents',
    objects: [owner, dependent],
    deleted: 'owner',
    propagationPolicy: 'Foreground',
    ends: {},
  },
  {
    name: 'an owner waits for a dependent that blocks it',
    objects: [owner, { ...dependent, finalizers: [held] }],
    deleted: 'owner',
    propagationPolicy: 'Foreground',
    ends: { owner: { owners: [], finalizers: ['foregroundDeletion'], isGoing: true }, dependent: heldBack },
  },
  {
    name: 'an owner does not wait for a dependent that does not block it',
    objects: [owner, { name: 'dependent', owners: [{ name: 'owner', blocks: false }], finalizers: [held] }],
    deleted: 'owner',
    propagationPolicy: 'Foreground',
    ends: { dependent: heldBack },
  },
  {
    name: 'an orphan stays and forgets its owner',
    objects: [owner, { ...dependent, finalizers: [held] }],
    deleted: 'owner',
    propagationPolicy: 'Orphan',
    ends: { dependent: { ...intact, finalizers: [held] } },
  },
  {
    name: 'a dependent of two stays with the other one',
    objects: [
      owner,
      { name: 'other' },
      {
        name: 'dependent',
        owners: [
          { name: 'owner', blocks: true },
          { name: 'other', blocks: true },
        ],
      },
    ],
    deleted: 'owner',
    propagationPolicy: 'Foreground',
    ends: { other: intact, dependent: { ...intact, owners: ['other'] } },
  },
];

/** Makes the objects in a namespace of their own, deletes one, and resolves when the server has come to the end. */
export async function settle(
  api: LabApi,
  { objects, deleted, ...wanted }: Settlement,
  namespace: string,
): Promise<void> {
  const maps = `/api/v1/namespaces/${namespace}/configmaps`;
  await api.request('POST', '/api/v1/namespaces', {
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  });
  const uids = new Map<string, string>();
  for (const { name, finalizers = [], owners = [] } of objects) {
    const ownerReferences = owners.map(({ name: of, blocks }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: of,
      uid: uids.get(of),
      blockOwnerDeletion: blocks,
    }));
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, finalizers, ownerReferences } };
    uids.set(name, (await api.request('POST', maps, { body })).body.metadata.uid);
  }
  const { propagationPolicy, ends, name } = wanted;
  await api.request('DELETE', `${maps}/${deleted}`, { body: { propagationPolicy } });
  await eventually(async () => isDeepStrictEqual(await stateOf(api, maps), ends), name);
}

async function stateOf(api: LabApi, maps: string): Promise<Readonly<Record<string, Ending>>> {
  const { body } = await api.request('GET', maps);
  const objects: readonly { readonly metadata: Readonly<Record<string, unknown>> }[] = body.items;
  const ends = objects.map(({ metadata }) => [String(metadata['name']), endingOf(metadata)] as const);
  return Object.fromEntries(ends.filter(([name]) => name !== 'kube-root-ca.crt'));
}

function endingOf({ ownerReferences, finalizers, deletionTimestamp }: Readonly<Record<string, unknown>>): Ending {
  return {
    owners: ((ownerReferences ?? []) as readonly { readonly name: string }[]).map(({ name }) => name),
    finalizers: (finalizers ?? []) as readonly string[],
    isGoing: deletionTimestamp !== undefined,
  };
}

/** What is looked at on both servers until it is the same, and what it has to be to count. */
export interface Agreement {
  readonly name: string;
  readonly prepare: (api: LabApi, namespace: string) => Promise<void>;
  readonly look: (api: LabApi, namespace: string) => Promise<unknown>;
  readonly isDone: (seen: unknown) => boolean;
}

export async function agree(apis: readonly LabApi[], agreement: Agreement, namespace: string): Promise<void> {
  const { name, prepare, look, isDone } = agreement;
  await Promise.all(apis.map(async (api) => await prepare(api, namespace)));
  let last: readonly unknown[] = [];
  const isSame = async (): Promise<boolean> => {
    last = await Promise.all(apis.map(async (api) => await look(api, namespace)));
    return last.every((seen) => isDone(seen) && isDeepStrictEqual(seen, last[0]));
  };
  try {
    await eventually(isSame, name);
  } catch (err) {
    throw new Error(`${name}: ${JSON.stringify(last)}`, { cause: err });
  }
}

const inCore = '/api/v1/namespaces';

async function makeMap(
  api: LabApi,
  namespace: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<{ readonly message?: string }> {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  return (await api.request('POST', `${inCore}/${namespace}/configmaps`, { body })).body;
}

export const agreements: readonly Agreement[] = [
  {
    name: 'a namespace says what keeps it, each server in its own words',
    prepare: async (api, namespace) => {
      await api.request('POST', inCore, {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      });
      await makeMap(api, namespace, { name: 'held', finalizers: [held] });
      await api.request('DELETE', `${inCore}/${namespace}`);
    },
    look: async (api, namespace) => {
      const { status } = (await api.request('GET', `${inCore}/${namespace}`)).body;
      const conditions = (status.conditions ?? []) as readonly Readonly<Record<string, unknown>>[];
      return {
        phase: status.phase,
        conditions: conditions.map(({ type, status: is, reason }) => ({ type, status: is, reason })),
      };
    },
    isDone: (seen) => /"NamespaceFinalizersRemaining","status":"True"/u.test(JSON.stringify(seen)),
  },
  {
    name: 'a quota counts what is there and refuses more',
    prepare: async (api, namespace) => {
      await api.request('POST', inCore, {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      });
      const spec = { hard: { 'count/configmaps': '2', secrets: '1', 'count/leases.coordination.k8s.io': 0 } };
      const body = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'quota' }, spec };
      await eventually(
        async () => (await api.request('GET', `${inCore}/${namespace}/configmaps/kube-root-ca.crt`)).status === 200,
        'the certificate of the server',
      );
      await api.request('POST', `${inCore}/${namespace}/resourcequotas`, { body });
    },
    look: async (api, namespace) => {
      const { status } = (await api.request('GET', `${inCore}/${namespace}/resourcequotas/quota`)).body;
      if (status.used === undefined) return {};
      const { message = '' } = await makeMap(api, namespace, { generateName: 'more-' });
      return { used: status.used, hard: status.hard, refused: message.replace(/more-[a-z0-9]+/u, 'more') };
    },
    isDone: (seen) => /exceeded quota/u.test(JSON.stringify(seen)),
  },
];
