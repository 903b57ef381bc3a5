import { join } from 'node:path';
import { stringify } from 'yaml';
import { RefusedError } from '#runtime/base/errors.ts';
import { makeDirectory, placeFile, readText } from '#runtime/config/files.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { prepareConfig, type PrepareConfig } from '#runtime/config/programs.ts';
import type { ProgramArgs } from './flags.ts';
import { prepareCredentials } from './instance/credentials.ts';

/**
 * `wcpd prepare`: the keys, certificates, kubeconfigs and settings with which the units of manifests/systemd run a real host. Repeatable at any time: what is
 * missing or near its end is made anew; settings belong to people once they are there.
 */
export async function runPrepare({ sources }: ProgramArgs): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new RefusedError('RootRequired', 'only root may read what is made here, so this needs root; try sudo');
  const config = await loadConfig(prepareConfig, sources);
  const path = (name: string): string => join(config.directory, name);
  await makeDirectory(config.directory, { mode: 0o755 });
  await prepareCredentials({
    ...config,
    pki: path('pki'),
    kubeconfigs: {
      admin: path('admin.kubeconfig'),
      controller: path('controller.kubeconfig'),
      agent: path('agent.kubeconfig'),
    },
  });
  for (const [name, settings] of Object.entries(settingsOf(config))) await placeFirst(path(`${name}.yaml`), settings);
  console.log(`  prepared               ${config.directory}, for host ${config.hostName}`);
  return 0;
}

/** Of the gateway for streams, which the API server reaches on its own machine. */
const streamPort = 9_443;

/** What the units do not say: it differs from host to host. */
function settingsOf({ hostName }: PrepareConfig): Readonly<Record<string, object>> {
  return {
    server: { etcdServers: ['https://127.0.0.1:2379'] },
    definitions: { hostName },
    controller: { streamListen: `127.0.0.1:${streamPort}`, streamServicePort: streamPort },
    agent: { hostName },
  };
}

async function placeFirst(path: string, settings: object): Promise<void> {
  if ((await readText(path)) === undefined) await placeFile(path, stringify(settings), { mode: 0o644 });
}
