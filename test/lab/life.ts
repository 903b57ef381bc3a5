import type { Test } from 'tap';
import type { MemoryHost } from '#runtime/host/memory/memory-host.ts';
import { packageKind, tenantKind } from '#schemas/index.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startHosting, type Hosting, type HostingOptions } from './hosting.ts';
import { conditionOf, eventually } from './widgets.ts';

/** Leader and agent on a real API server; the machine is a model, its drivers are the real ones. */
export interface Life extends Pick<Hosting, 'server' | 'client' | 'apply' | 'get' | 'remove'> {
  readonly host: MemoryHost;
  /** Ends the leader, and starts one that knows nothing. */
  restartLeader(): Promise<void>;
  /** The object once its Ready condition has this reason for its present generation. */
  settled(kind: KindDefinition, name: string, reason: string, namespace?: string): Promise<KubeObject>;
  gone(kind: KindDefinition, name: string, namespace?: string): Promise<unknown>;
  site(hostname: string): Record<string, unknown> | undefined;
}

async function setUp(t: Test, options: HostingOptions): Promise<Life> {
  const hosting = await startHosting(options);
  const running = { leader: await hosting.start('leader'), agent: await hosting.start('agent') };
  t.teardown(async () => {
    await Promise.all(Object.values(running).map(async (each) => await each.stop()));
    await hosting.close();
  });
  const { get, machine: host } = hosting;
  return {
    ...hosting,
    host,
    restartLeader: async () => {
      await running.leader.stop();
      running.leader = await hosting.start('leader');
    },
    settled: async (kind, name, reason, namespace) => {
      let last: KubeObject | undefined;
      const look = async (): Promise<KubeObject | undefined> => {
        last = await get(kind, name, namespace);
        const ready = conditionOf(last, 'Ready');
        return ready?.['reason'] === reason && ready['observedGeneration'] === last?.metadata.generation
          ? last
          : undefined;
      };
      return await eventually(look, `${kind.kind} ${name} to be ${reason}`).catch((err: unknown) => {
        throw new Error(
          `${String(err)}: ${JSON.stringify({ metadata: { ...last?.metadata, managedFields: [] }, status: last?.['status'] })}`,
        );
      });
    },
    gone: async (kind, name, namespace) => {
      let last: KubeObject | undefined;
      const look = async (): Promise<boolean> => (last = await get(kind, name, namespace)) === undefined;
      await eventually(look, `${kind.kind} ${name} to be gone`).catch((err: unknown) => {
        throw new Error(
          `${String(err)}: ${JSON.stringify({ ...last, metadata: { ...last?.metadata, managedFields: [] } })}`,
        );
      });
    },
    site: (hostname) => siteOf(host, hostname),
  };
}

function siteOf(host: MemoryHost, hostname: string): Record<string, unknown> | undefined {
  const node = host.tree.nodes.get(`/srv/wcp360/front/sites/${hostname.replace('*', '_')}`);
  return node === undefined ? undefined : (JSON.parse(String(node.content)) as Record<string, unknown>);
}

/** With these tenants, of one package. Everything ends with the test. */
export async function openLife(t: Test, names: readonly string[], options: HostingOptions = {}): Promise<Life> {
  const lab = await setUp(t, options);
  await lab.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 40 } });
  for (const name of names) await lab.apply(tenantKind, name, {});
  for (const name of names) await lab.settled(tenantKind, name, 'Ready');
  return lab;
}
