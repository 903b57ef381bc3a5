import { createAdmissionPlugins } from '#runtime/apiserver/admission/plugins.ts';
import { createRbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { createTokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import { startLifecycle } from '#runtime/apiserver/lifecycle/start.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import type { Store } from '#runtime/storage/store.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import type { KubeObject, OwnerReference } from '#schemas/meta/object.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { openWorld, type World } from './memory-operations.ts';

export const rootCertificates = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
export const tokens = createTokenIssuer({ key: newKey(), issuer: 'https://kubernetes.default.svc' });

export interface Running extends World {
  /** Stops the life cycle as a killed process would: nothing is finished. */
  stop(): Promise<void>;
}

export async function open(options: { readonly store?: Store; readonly stopped?: boolean } = {}): Promise<Running> {
  const world = await openWorld(options.store);
  const authorizer = createRbacAuthorizer(world);
  world.use(createAdmissionPlugins({ cache: world.cache, authorizer, operations: world.operations }));
  const abort = new AbortController();
  const { operations, cache } = world;
  const running =
    options.stopped === true
      ? Promise.resolve()
      : startLifecycle({ operations, cache, log: silentLogger, signal: abort.signal, tokens, rootCertificates });
  return {
    ...world,
    stop: async () => {
      abort.abort();
      await running;
    },
  };
}

export async function withLifecycle(test: (world: Running) => Promise<void>): Promise<void> {
  const world = await open();
  try {
    await world.create(namespace('a'));
    await test(world);
  } finally {
    await world.stop();
    await world.close();
  }
}

export const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
export const site = (name: string, metadata: object = {}, at = 'a'): KubeObject => ({
  apiVersion: 'wcp.example/v1',
  kind: 'Website',
  metadata: { name, namespace: at, ...metadata },
});
export const fleet = (name: string, metadata: object = {}): KubeObject => ({
  apiVersion: 'wcp.example/v1',
  kind: 'Fleet',
  metadata: { name, ...metadata },
});
export const ownedBy = (...owners: readonly KubeObject[]) => ({
  ownerReferences: owners.map((owner) => referenceTo(owner)),
});
export const referenceTo = (owner: KubeObject, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  blockOwnerDeletion,
});

/** Waits until `probe` gives something; fails the test when nothing comes. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  throw new Error(`timed out: ${what}`);
}
export const settled = () => new Promise((resolve) => void setTimeout(resolve, 300));
export const gone = (world: World, kind: string, name: string, at?: string) =>
  until(
    `${kind} ${name} is gone`,
    async () => (await world.get(kind, at === undefined ? { name } : { namespace: at, name })) === undefined,
  );
export const siteAt = (world: World, name: string, at = 'a') => world.get('Website', { namespace: at, name });

export const quota = (name: string, hard: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name, namespace: 'a' },
  spec: { hard },
});
export const usedOf = async (world: World, name = 'q') =>
  (
    (await world.get('ResourceQuota', { namespace: 'a', name }))?.['status'] as
      { used?: Record<string, string> } | undefined
  )?.used ?? {};
