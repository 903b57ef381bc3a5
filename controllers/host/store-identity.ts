import { HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Host } from '#runtime/host/host.ts';
import { namespaceKind } from '#schemas/meta/builtin.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';

/** The uid by which the store behind the API server is known; `undefined` when it has no namespace `wcp360-system`. A strong read. */
export async function readStoreUid(client: Client, signal: AbortSignal): Promise<string | undefined> {
  return (await client.get(resourceTypeOf(namespaceKind), { name: SYSTEM_NAMESPACE }, signal))?.metadata.uid;
}

/** The store that this machine has served so far; `undefined` when it has served none. HostError when what is noted cannot be read: then nobody knows. */
export async function readRemembered(host: Host, signal: AbortSignal): Promise<string | undefined> {
  const text = await host.readText(pathOf(host), signal);
  if (text === undefined) return undefined;
  const uid = uidIn(text);
  if (uid === undefined)
    throw new HostError(`"${pathOf(host)}" does not say which store was served`, { path: pathOf(host) });
  return uid;
}

/** From now on this is the store. Outlives a loss of power. */
export async function rememberStore(host: Host, uid: string, signal: AbortSignal): Promise<void> {
  const ownership = { mode: 0o600, uid: 0, gid: 0, durable: true };
  await host.replaceFile(pathOf(host), `${JSON.stringify({ uid })}\n`, ownership, signal);
}

function pathOf({ root }: Host): string {
  return `${root}/run/store.json`;
}

function uidIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && typeof value['uid'] === 'string' ? value['uid'] : undefined;
  } catch {
    return undefined;
  }
}
