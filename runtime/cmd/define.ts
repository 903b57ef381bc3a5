import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { defineConfig } from '#runtime/config/programs.ts';
import type { ProgramArgs } from './flags.ts';
import { applyDefinitions, awaitReady } from './instance/definitions.ts';
import { terminated } from './terminated.ts';

/** `wcpd define`: the kinds, roles and first objects of this build, and the account of a host's agent; after every upgrade, and for every new host. */
export async function runDefine({ sources }: ProgramArgs): Promise<number> {
  const config = await loadConfig(defineConfig, sources);
  const signal = terminated();
  const client = createClient({ ...(await loadKubeconfig({ path: config.kubeconfig })), userAgent: 'wcpd-define' });
  await awaitReady(client, signal);
  await applyDefinitions(client, config, signal);
  await client.close();
  return 0;
}
