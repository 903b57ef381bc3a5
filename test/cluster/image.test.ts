import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { renderKustomization } from '#hack/generate/kustomization.ts';
import { freePort } from '#test/lab/free-port.ts';
import { buildImage, noImageTools, runInImage } from '#test/lab/image.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { until } from '#test/lab/instance.ts';
import { memoryDirectory } from '#test/lab/memory-directory.ts';
import { accountOf, frontOn, prepareNode } from '#test/lab/node.ts';
import { podAddress, podSpecOf, startPod } from '#test/lab/pod.ts';
import { tenantFiles } from '#test/lab/tenant-files.ts';
import { aDomain, declareSite, declareStaticSite, declareTenant } from '#test/lab/tenants.ts';
import { visit } from '#test/lab/visit.ts';
import { labClient } from '#test/lab/widgets.ts';

void t.test('the image', { skip: noImageTools }, async (t) => {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-image-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const [image, other] = await Promise.all([
    buildImage(join(directory, 'one')),
    buildImage(join(directory, 'two'), { TZ: 'Asia/Tokyo', LC_ALL: 'C', HOME: '/nonexistent' }),
  ]);
  await rm(other.root, { recursive: true });

  t.test('built twice it is the same, to the last bit', async (t) => {
    t.match(image.digest, /^sha256:[0-9a-f]{64}$/);
    t.equal(other.digest, image.digest);
  });

  t.test('it has nothing of the machine that built it, and nothing that a moment left', async (t) => {
    const left = async (path: string) => await readdir(join(image.root, path), { recursive: true });
    for (const path of ['tmp', 'run', 'var/log', 'var/lib/apt/lists', 'var/cache/debconf'])
      t.same(
        (await left(path)).filter((name) => !/^(lock|subsys|partial|lock\/subsys)$/.test(name)),
        [],
        path,
      );
    for (const path of ['etc/hostname', 'etc/resolv.conf', 'etc/apt/sources.list', 'etc/apt/apt.conf.d/99mmdebstrap'])
      await t.rejects(stat(join(image.root, path)), { code: 'ENOENT' }, path);
    const map = await readFile(join(image.root, 'usr/local/lib/wcp360/programs/wcpd.mjs.map'), 'utf8');
    t.notOk(map.includes(directory) || map.includes(import.meta.dirname) || map.includes(hostname()));
  });

  t.test('its programs run as a user without rights', async (t) => {
    t.match(image.config, { User: '65532:65532', Entrypoint: ['/usr/local/bin/wcpd'] });
    const told = async (...argv: readonly string[]) => {
      const { exitCode, stdout, stderr } = await runInImage(image, argv);
      return `${exitCode} ${stdout}${stderr}`;
    };
    t.match(await told(...image.config.Entrypoint, '--help'), /^0 usage: wcpd PROGRAM/);
    t.match(await told('wcpctl', 'version', '--client'), /^0 Client Version: v\d/);
    t.match(await told('id', '-u'), /^0 65532\n$/);
    t.match(await told('nginx', '-V'), /^0 nginx version: nginx\/1/);
    t.match(await told('php-fpm8.2', '-v'), /^0 PHP 8\.2/);
    for (const program of ['git', 'gpg', 'bwrap', 'prlimit', 'nsenter', 'setpriv', 'unshare', 'getent', 'perl'])
      t.match(await told(program, '--version'), /^0 /, program);
    t.match(await told('ssh', '-V'), /^255 No user exists for uid 65532/, 'it takes libnss_wrapper for an account');
    t.match(await told('env', 'LD_PRELOAD=libnss_wrapper.so', 'true'), /^0 $/, 'which is there');
  });

  t.test('a controller and an agent in their pods serve sites of it', async (t) => {
    const server = await startLabServer();
    const { client } = await labClient(server);
    const node = await prepareNode(client, server, 'web1');
    const objects = renderKustomization('manifests/overlays/operator', (path) => readFileSync(path, 'utf8'));
    const specOf = (kind: string) =>
      podSpecOf(objects.find((object) => object.kind === kind) ?? { apiVersion: '', kind, metadata: { name: '' } });
    const [controllerAddress, agentAddress, port] = [podAddress(), podAddress(), await freePort()];
    const pods = [
      await startPod({
        image: image.root,
        spec: specOf('Deployment'),
        fields: { 'status.podIP': controllerAddress },
        account: await accountOf(client, server, 'controller'),
      }),
      await startPod({
        image: image.root,
        spec: specOf('DaemonSet'),
        fields: { 'spec.nodeName': 'web1', 'status.podIP': agentAddress },
        node,
        env: await frontOn(port),
      }),
    ];
    t.teardown(async () => {
      for (const pod of pods) await pod.stop();
      await client.close();
      await server.stop();
      await rm(node, { recursive: true, force: true });
    });
    const ready = [`${controllerAddress}:9361`, `${agentAddress}:9362`].map((address) =>
      until(async () => (await fetch(`http://${address}/readyz`)).ok, `${address} to be ready`),
    );
    await Promise.all(ready).catch(() => t.fail(pods.map((pod) => pod.log()).join('\n')));
    await declareTenant(client, 'acme', { limits: { memory: '1Gi' } });
    const served = join(node, 'srv/wcp360');
    const host = { directory: served, ...tenantFiles(served) };
    await declareStaticSite(host, client, { domain: aDomain('acme', 'still'), page: 'I stand.' });
    t.equal((await visit(port, 'still.acme.test')).body, 'I stand.');
    await declareSite(client, aDomain('acme', 'php', { php: {} }));
    await host.place('acme', 'domains/php/public/index.php', '<?= PHP_VERSION;');
    t.match((await visit(port, 'php.acme.test')).body, /^8\.2/);
  });
});
