import type { Test } from 'tap';
import type { Client } from '#runtime/client/client.ts';
import { startManager, type Manager, type ManagerOptions } from '#runtime/manager/manager.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { startLabServer, type LabServer } from './api-server.ts';
import {
  conditionOf,
  eventually,
  installKind,
  labClient,
  newShop,
  widgetController,
  widgetKind,
  widgetType,
  type Shop,
  type ShopWorld,
  type WidgetController,
} from './widgets.ts';

export interface WidgetLab {
  readonly lab: LabServer;
  readonly client: Client;
  readonly writes: string[];
  readonly shop: Shop;
  start(changes?: Partial<WidgetController>, options?: Partial<ManagerOptions<ShopWorld>>): Promise<Manager>;
  widget(name: string): Promise<KubeObject | undefined>;
  /** The widget once its Ready condition has this reason for its present generation. */
  settled(name: string, reason: string): Promise<KubeObject>;
  patch(name: string, body: unknown): Promise<KubeObject>;
}

/** A server, a shop, and managers that end with the test. */
export async function setUp(t: Test): Promise<WidgetLab> {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  const own = await labClient(lab);
  await installKind(client, widgetKind);
  const shop = newShop();
  t.teardown(() => client.close());
  t.teardown(() => own.client.close());
  const widget = async (name: string) => await client.get(widgetType, { namespace: 'default', name });
  return {
    lab,
    client,
    writes: own.writes,
    shop,
    widget,
    start: async (changes = {}, options = {}) => {
      const stop = new AbortController();
      const manager = startManager<ShopWorld>({
        client: own.client,
        controllers: [widgetController(changes)],
        world: { shop },
        log: silentLogger,
        metrics: createMetrics(),
        signal: stop.signal,
        identity: 'host/lab',
        ...options,
      });
      t.teardown(() => manager.close());
      manager.ended.catch(() => undefined);
      await manager.synced;
      return manager;
    },
    settled: async (name, reason) =>
      await eventually(async () => {
        const found = await widget(name);
        const ready = conditionOf(found, 'Ready');
        return ready?.['reason'] === reason && ready['observedGeneration'] === found?.metadata.generation
          ? found
          : undefined;
      }, `${name} to be ${reason}`),
    patch: async (name, body) =>
      await client.patch(widgetType, { namespace: 'default', name }, { type: 'merge', body }, {}),
  };
}
