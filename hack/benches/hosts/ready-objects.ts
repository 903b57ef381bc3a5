import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isTrue } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const timeoutMs = 180_000;
const everyMs = 500;

/** Resolves when `count` objects of a kind whose names are meant have Ready=True. */
export async function readyObjects(
  client: Client,
  type: ResourceType,
  isMeant: (name: string) => boolean,
  count: number,
): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const { items } = await client.list(type);
    const ready = items.filter((object) => isMeant(object.metadata.name) && isReady(object)).length;
    if (ready >= count) return;
    if (Date.now() > giveUpAt) throw new Error(`${ready} of ${count} ${type.resource} are Ready`);
    await delay(everyMs);
  }
}

function isReady(object: KubeObject): boolean {
  const { conditions } = (object['status'] ?? {}) as { readonly conditions?: Parameters<typeof isTrue>[0] };
  return isTrue(conditions, 'Ready');
}
