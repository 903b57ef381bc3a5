import { frontProxyConfiguration, type FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import { ApiError, required } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';

const place = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/** Puts what aggregated servers have to know of this one where they look for it. May be repeated and run by several servers at once. */
export async function tellFrontProxy(operations: Operations, proxy: FrontProxy): Promise<void> {
  const resource = required(operations.resource('', 'configmaps'), 'the resource configmaps');
  const told = frontProxyConfiguration(proxy);
  const live = await operations.mutate(resource, place, (found) => {
    const data = { ...(isRecord(found['data']) ? found['data'] : {}), ...told };
    return isEqual(data, found['data']) ? undefined : { ...found, data };
  });
  if (live !== undefined) return;
  try {
    await operations.create(resource, { apiVersion: 'v1', kind: 'ConfigMap', metadata: place, data: told });
  } catch (err) {
    if (!(err instanceof ApiError) || err.reason !== 'AlreadyExists') throw err;
  }
}
