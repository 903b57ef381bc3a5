import t from 'tap';
import { startInstance, until } from '#test/lab/instance.ts';
import { startKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import { aDomain, declareStaticSite, declareTenant, hostType } from '#test/lab/tenants.ts';

const skip = kubernetesDirectory() === undefined ? noKubernetes : false;

void t.test('an instance goes over to a Kubernetes and back, and its sites are served on', { skip }, async (t) => {
  const kubernetes = await startKubernetes();
  t.teardown(() => kubernetes.stop());
  const instance = await startInstance();
  t.teardown(() => instance.stop());
  const client = await instance.client();
  await declareTenant(client, 'acme');
  await declareStaticSite(instance, client, { domain: aDomain('acme', 'still'), page: 'I stand.' });
  const page = async (): Promise<string> => (await instance.http('still.acme.test')).body;
  const running = async (): Promise<readonly string[]> => [...(await instance.services()).keys()].toSorted();
  const before = await running();

  const there = await instance.up(['--kubeconfig', kubernetes.kubeconfig]);
  t.equal(there.exitCode, 0, there.stderr);
  const elsewhere = await instance.client(kubernetes.kubeconfig);
  await until(() => elsewhere.get(hostType, { name: 'local' }), 'the host to be known there');
  t.same(
    await running(),
    before.filter((name) => !['etcd', 'server'].includes(name)),
    'its own server has gone',
  );
  t.equal(await page(), 'I stand.', 'a store without this site is another store, and takes nothing down');

  const back = await instance.up(['--kubeconfig', '']);
  t.equal(back.exitCode, 0, back.stderr);
  t.same(await running(), before);
  t.equal(await page(), 'I stand.');
  t.equal(
    (await instance.wcpctl(['get', 'domain', 'still', '-n', 'acme'])).exitCode,
    0,
    'and what was declared is there',
  );
});
