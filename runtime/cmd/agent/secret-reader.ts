import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';

const secrets: ResourceType = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };

/** Reads Secrets by name, one at a time and never kept: agents do not watch them (design §5). */
export function secretReader(client: Client): SecretReader {
  return {
    read: async (namespace, name, signal) => {
      const secret: (KubeObject & { readonly data?: Readonly<Record<string, string>> }) | undefined = await client.get(
        secrets,
        { namespace, name },
        signal,
      );
      if (secret === undefined) return undefined;
      return Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
      );
    },
  };
}
