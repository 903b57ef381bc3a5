import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '#runtime/client/client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { freePort } from './free-port.ts';
import type { LabApi } from './lab-api.ts';
import { memoryDirectory } from './memory-directory.ts';
import { manifests } from './packaging.ts';
import type { PodOptions } from './pod.ts';
import { run } from './run.ts';

const checkout = join(import.meta.dirname, '../..');
const hour = { expirationSeconds: 3_600 };

/** As whom a pod with one of our accounts speaks with a server. */
export async function accountOf(
  client: Client,
  { url, authority }: LabApi,
  name: string,
): Promise<NonNullable<PodOptions['account']>> {
  const { token } = await requestToken(client, { namespace: SYSTEM_NAMESPACE, name }, hour);
  return { url, ca: authority.ca, token };
}

/** Settings of an agent whose front has a port of its own: a pod has all of the ports that everybody wants. */
export async function frontOn(port: number): Promise<Readonly<Record<string, string>>> {
  return {
    WCPD_FRONT_ADDRESSES: '127.0.0.1',
    WCPD_FRONT_HTTP_PORT: String(port),
    WCPD_FRONT_HTTPS_PORT: String(await freePort()),
  };
}

/** What the guide has people put on a node, below a directory: the way to the server, and a token of the node's account. */
export async function prepareNode(client: Client, api: LabApi, name: string): Promise<string> {
  const wcpd = join(checkout, 'runtime/cmd/wcpd.ts');
  const flags = ['--kubeconfig', api.kubeconfig, '--manifests', manifests, '--host-name', name];
  const defined = await run([process.execPath, wcpd, 'define', ...flags]);
  if (defined.exitCode !== 0) throw new Error(defined.stderr);
  const node = await mkdtemp(join(await memoryDirectory(), 'wcp360-node-'));
  const settings = join(node, 'etc/wcp360');
  for (const path of [settings, join(node, 'srv/wcp360')]) await mkdir(path, { recursive: true });
  for (const path of [node, join(node, 'srv/wcp360')]) await chmod(path, 0o711);
  const guide = await readFile(join(checkout, 'docs/cluster.md'), 'utf8');
  const kubeconfig = /```yaml\n(apiVersion: v1\nkind: Config\n[^`]*)```/.exec(guide)?.[1] ?? '';
  const { token } = await accountOf(client, api, agentAccountOf(name));
  await writeFile(join(settings, 'agent.kubeconfig'), kubeconfig.replace('https://API:6443', api.url));
  await writeFile(join(settings, 'ca.crt'), api.authority.ca);
  await writeFile(join(settings, 'agent.token'), token);
  return node;
}
