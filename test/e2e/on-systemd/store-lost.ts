import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { until } from '#test/lab/instance.ts';
import { run } from '#test/lab/run.ts';
import { tenantFiles } from '#test/lab/tenant-files.ts';
import { aDomain, declareStaticSite, declareTenant, domainType } from '#test/lab/tenants.ts';
import { visit } from '#test/lab/visit.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const directory = '/srv/wcp360';
const ground = { directory, ...tenantFiles(directory) };
const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/operations.md'), 'utf8');

/** What the guide says for a machine that has its keys and programs again. */
const commands = required(/hack\/install --host-name web1\n([^`]*)```/.exec(guide)?.[1], 'the guide')
  .trim()
  .split('\n');
const snapshot = required(/snapshot restore (\S+)/.exec(guide)?.[1], 'the snapshot of the guide');

async function bash(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run(['/bin/bash', '-c', script]);
  if (exitCode !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
  return stdout;
}

const client = createClient({ ...(await loadKubeconfig({ path: '/etc/wcp360/admin.kubeconfig' })), userAgent: 'lab' });
t.teardown(() => client.close());
const page = async (name: string): Promise<string> => (await visit(80, `${name}.bakery.test`, '/', {})).body;

await t.test('a store that is lost is restored as the guide says, and its host goes on without an alarm', async (t) => {
  t.equal(commands.length, 3);
  await declareTenant(client, 'bakery');
  await declareStaticSite(ground, client, { domain: aDomain('bakery', 'kept'), page: 'kept' });
  const before = await client.get(domainType, { namespace: 'bakery', name: 'kept' });
  mkdirSync(dirname(snapshot), { recursive: true });
  await bash(`wcpctl --kubeconfig /etc/wcp360/admin.kubeconfig snapshot save ${snapshot}`);
  await declareStaticSite(ground, client, { domain: aDomain('bakery', 'later'), page: 'later' });

  await bash(
    'systemctl stop wcpd-server wcpd-controller wcpd-definitions wcpd-etcd && rm -r /var/lib/private/wcpd-etcd/*',
  );
  t.equal(await page('kept'), 'kept', 'sites are served without a store');
  for (const command of commands) await bash(command.replace(/^sudo /, ''));

  const after = await until(() => client.get(domainType, { namespace: 'bakery', name: 'kept' }), 'the server');
  t.equal(after.metadata.uid, before?.metadata.uid);
  const declareNext = () => declareStaticSite(ground, client, { domain: aDomain('bakery', 'next'), page: 'next' });
  await until(async () => declareNext().then(() => true), 'another leader than the one in the snapshot');
  t.equal(await page('next'), 'next', 'the agent has noticed that its versions are of another store');
  t.equal(await page('kept'), 'kept');
  await until(async () => (await page('later')) !== 'later', 'what the store does not know to be served no more');
  const host = await client.get(resourceTypeOf(hostKind), { name: 'web1' });
  t.equal(conditionOf(host, 'StoreChanged'), undefined);
  t.equal(conditionOf(host, 'Ready')?.['status'], 'True');
});
