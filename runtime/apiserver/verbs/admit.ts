import type { AdmissionPlugin, AdmissionRequest } from '#runtime/apiserver/operations.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** Lets every plugin change the object; returns what came out. */
export async function admitMutating(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest & { readonly object: KubeObject },
): Promise<KubeObject> {
  let { object } = request;
  for (const plugin of plugins) {
    if (plugin.mutate === undefined) continue;
    object = (await plugin.mutate(object === request.object ? request : { ...request, object })) ?? object;
  }
  return object;
}

/** Lets every plugin refuse the write, by throwing. */
export async function admitValidating(plugins: readonly AdmissionPlugin[], request: AdmissionRequest): Promise<void> {
  for (const plugin of plugins) await plugin.validate?.(request);
}
