import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { backoffMs, type Backoff } from '#runtime/base/backoff.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { hostReference } from '#controllers/host/registration.ts';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { discover, resourceOfKind, type DiscoveredResource } from '#runtime/client/discovery.ts';

const fieldManager = 'wcp360-setup';
const readyTimeoutMs = 60_000;
const establishTimeoutMs = 20_000;
const pollMs = 20;
const repeat: Backoff = { firstMs: 200, maxMs: 5_000, factor: 2, jitterRatio: 0.1 };
const definitionType: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** Resolves when the server answers that it is ready. */
export async function awaitReady(client: Client, signal: AbortSignal): Promise<void> {
  const giveUpAt = Date.now() + readyTimeoutMs;
  for (;;) {
    const status = await client.raw('GET', '/readyz', { signal }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    if (Date.now() > giveUpAt)
      throw new HostError(
        `the API server was not ready after ${readyTimeoutMs / 1000} s; its log, or etcd's, says why`,
      );
    await systemClock.sleep(pollMs, signal);
  }
}

interface Definitions {
  /** The directory that has them. */
  readonly manifests: string;
  readonly hostName: string;
}

/**
 * Applies the CRDs and roles that every instance has, and makes its first objects where they are missing: those belong to people from then on.
 * Repeatable; nothing is written that stands. A server that fails meanwhile is waited for, as another may take over. Resolves when the kinds are served.
 */
export async function applyDefinitions(client: Client, options: Definitions, signal: AbortSignal): Promise<void> {
  const giveUpAt = Date.now() + readyTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await applyOnce(client, options, signal);
    } catch (err) {
      if (!isOfServer(err) || Date.now() > giveUpAt) throw err;
      await systemClock.sleep(backoffMs(repeat, attempt), signal);
    }
  }
}

/** Whether the server failed, and not what was asked of it. */
function isOfServer(err: unknown): boolean {
  return err instanceof HostError || (err instanceof ApiError && err.status >= 500);
}

async function applyOnce(client: Client, options: Definitions, signal: AbortSignal): Promise<void> {
  const [definitions, first, roles] = await Promise.all([
    readObjects(join(options.manifests, 'crds')),
    readObjects(join(options.manifests, 'bootstrap')),
    readObjects(join(options.manifests, 'rbac')),
  ]);
  await Promise.all(
    definitions.map((object) => client.apply(definitionType, object, { fieldManager, force: true, signal })),
  );
  await Promise.all(definitions.map((object) => awaitEstablished(client, object.metadata.name, signal)));
  const typeOf = typeFinder(await discover(client, signal));
  for (const object of namespacesFirst([...first, ...hostObjects(options.hostName)])) {
    const { name, namespace } = object.metadata;
    const isThere = (await client.get(typeOf(object), { name, namespace }, signal)) !== undefined;
    if (!isThere) await client.apply(typeOf(object), object, { fieldManager, signal });
  }
  for (const object of roles) {
    await client.apply(typeOf(object), object, { fieldManager, force: true, signal });
  }
}

function typeFinder(resources: readonly DiscoveredResource[]): (object: KubeObject) => ResourceType {
  return (object) => {
    const type = resourceOfKind(resources, object.apiVersion, object.kind);
    if (type === undefined) throw new HostError(`the server does not know ${object.kind} of ${object.apiVersion}`);
    return type;
  };
}

function namespacesFirst(objects: readonly KubeObject[]): readonly KubeObject[] {
  const isNamespace = ({ kind }: KubeObject): boolean => kind === 'Namespace';
  return [...objects.filter(isNamespace), ...objects.filter((object) => !isNamespace(object))];
}

async function readObjects(directory: string): Promise<readonly KubeObject[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.flatMap((text) =>
    [...parseAllDocuments(text)]
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null),
  );
}

async function awaitEstablished(client: Client, name: string, signal: AbortSignal): Promise<void> {
  const giveUpAt = Date.now() + establishTimeoutMs;
  for (;;) {
    const definition = await client.get(definitionType, { name }, signal);
    const conditions =
      (definition?.['status'] as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    if (Date.now() > giveUpAt)
      throw new HostError(`the definition ${name} was not established in ${establishTimeoutMs / 1000} s`);
    await systemClock.sleep(pollMs, signal);
  }
}

/** A host and the account of its agent; what that may do the leader says. */
function hostObjects(hostName: string): readonly KubeObject[] {
  const name = agentAccountOf(hostName);
  const labels = { 'app.kubernetes.io/part-of': 'wcp360' };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: SYSTEM_NAMESPACE, labels } },
    { ...hostReference(hostName), spec: {} },
  ];
}
