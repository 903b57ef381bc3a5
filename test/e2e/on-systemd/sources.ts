import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { createClient } from '#runtime/client/https-client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { createOpenPgpKey, createRepository, openDirectory, startSshServer } from '#test/lab/git.ts';
import { declareSource, sourceSays } from '#test/lab/sources.ts';
import { aDomain, declareTenant, secretType } from '#test/lab/tenants.ts';

const client = createClient({ ...(await loadKubeconfig({ path: '/etc/wcp360/admin.kubeconfig' })), userAgent: 'lab' });
t.teardown(() => client.close());

await t.test(
  'under the unit’s restrictions a repository is fetched over SSH, its signature checked, and applied',
  async (t) => {
    const directory = await openDirectory(t);
    const server = await startSshServer(t);
    const signer = await createOpenPgpKey(join(directory, 'signer'));
    const repository = await createRepository(directory, 'fleet');
    await declareTenant(client, 'fromgit');
    await repository.git('config', 'gpg.program', signer.program);
    await repository.write('site.yaml', stringify(aDomain('fromgit', 'site')));
    const revision = await repository.publish('--gpg-sign');
    for (const [name, stringData] of Object.entries({
      key: server.credentials,
      signers: { 'jane.asc': signer.publicKey },
    })) {
      const metadata = { name, namespace: 'wcp360-system' };
      await client.apply(
        secretType,
        { apiVersion: 'v1', kind: 'Secret', metadata, stringData },
        { fieldManager: 'lab' },
      );
    }
    const verify = { secretRef: { name: 'signers' } };
    const git = { url: server.urlOf(repository), secretRef: { name: 'key' }, verify };
    await declareSource(client, { name: 'fleet' }, { git });
    const { status } = await sourceSays(client, { name: 'fleet' }, { reason: 'Applied', revision });
    t.same(status.inventory, ['Domain.hosting.wcp360.io/fromgit/site']);
  },
);
