import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Instance } from '#hack/benches/instance.ts';
import { stop } from '#hack/benches/lab.ts';
import type { Client } from '#runtime/client/client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { readyObjects } from './ready-objects.ts';

/** What the process of the agents is told. */
export interface Fleet {
  readonly server: string;
  readonly ca: string;
  readonly hosts: readonly { readonly name: string; readonly token: string }[];
}

/** Hosts whose machines are models, with their agents in one process. */
export interface RunningFleet {
  readonly pid: number;
  stop(): Promise<void>;
}

const accountType = {
  ...{ group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true },
};
const hostType = resourceTypeOf(hostKind);
const tokenSeconds = 36_000;

/** Has so many hosts join; resolves when the leader calls all of them Ready. */
export async function startFleet(instance: Instance, client: Client, count: number): Promise<RunningFleet> {
  const names = Array.from({ length: count }, (_, n) => `model-${n}`);
  const hosts: Fleet['hosts'][number][] = [];
  for (const name of names) hosts.push({ name, token: await accountFor(client, name) });
  const fleet: Fleet = { server: instance.apiUrl, ca: String(instance.admin.ca), hosts };
  const file = join(instance.directory, 'fleet.json');
  await writeFile(file, JSON.stringify(fleet), { mode: 0o600 });
  const program = fileURLToPath(new URL('many-agents.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, file], { stdio: ['ignore', 'ignore', 'inherit'] });
  await readyObjects(client, hostType, (name) => names.includes(name), count);
  return { pid: child.pid ?? 0, stop: async () => await stop(child) };
}

/** A Host and the account of its agent, as `wcpd define` makes them. */
async function accountFor(client: Client, hostName: string): Promise<string> {
  const options = { fieldManager: 'bench', force: true };
  const account = { name: agentAccountOf(hostName), namespace: SYSTEM_NAMESPACE };
  await client.apply(accountType, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account }, options);
  const host = { apiVersion: apiVersionOf(hostKind), kind: hostKind.kind, metadata: { name: hostName }, spec: {} };
  await client.apply(hostType, host, options);
  return (await requestToken(client, account, { expirationSeconds: tokenSeconds })).token;
}
