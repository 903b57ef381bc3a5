import { startEtcd } from './etcd.ts';
import { startLabServer } from './api-server.ts';
import { startKubernetes } from './kubernetes.ts';
import type { LabApi } from './lab-api.ts';
import { testServer } from './test-servers.ts';

/** An API server on an etcd, of the kind that this process tests. */
export async function startTestServer(): Promise<LabApi & { stop(): Promise<void> }> {
  if (testServer === 'kubernetes') return await startKubernetes();
  const etcd = await startEtcd();
  const store = await etcd.open();
  const lab = await startLabServer({ store });
  return {
    ...lab,
    stop: async () => {
      await lab.stop();
      await store.close();
      await etcd.stop();
    },
  };
}
