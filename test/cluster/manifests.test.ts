import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { discover, resourceOfKind } from '#runtime/client/discovery.ts';
import type { Client } from '#runtime/client/client.ts';
import { parseProgramArgs } from '#runtime/cmd/flags.ts';
import { programs } from '#runtime/cmd/programs.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { optionsOf } from '#runtime/config/options.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { freePort } from '#test/lab/free-port.ts';
import { until } from '#test/lab/instance.ts';
import { openKubectl } from '#test/lab/kubectl.ts';
import { startKubernetes, type LabKubernetes } from '#test/lab/kubernetes.ts';
import { kubernetesDirectory, noKubernetes } from '#test/lab/kubernetes-programs.ts';
import { accountOf, frontOn, prepareNode } from '#test/lab/node.ts';
import { chart, helmed, kustomized, manifests, modes, packagingProgram } from '#test/lab/packaging.ts';
import { monitoringKinds, noPackaging, packagingDirectory } from '#test/lab/packaging-programs.ts';
import { commandOf, podAddress, podSpecOf, startPod, type LabPod } from '#test/lab/pod.ts';
import { run } from '#test/lab/run.ts';
import { tenantFiles } from '#test/lab/tenant-files.ts';
import { aDomain, declareSite, declareStaticSite, declareTenant } from '#test/lab/tenants.ts';
import { visit } from '#test/lab/visit.ts';
import { labClient } from '#test/lab/widgets.ts';

const skip =
  packagingDirectory() === undefined ? noPackaging : kubernetesDirectory() === undefined ? noKubernetes : false;
const never = new AbortController().signal;
const establishMs = 500;

interface Lab {
  readonly kubernetes: LabKubernetes;
  readonly client: Client;
}

async function startLab(t: Test): Promise<Lab> {
  const kubernetes = await startKubernetes();
  const { client } = await labClient(kubernetes);
  t.teardown(async () => {
    await client.close();
    await kubernetes.stop();
  });
  return { kubernetes, client };
}

/** Applies, or tries to; what the server does not like it says. */
async function applyAll(
  client: Client,
  objects: readonly KubeObject[],
  options: { readonly dryRun: boolean },
): Promise<void> {
  const resources = await discover(client, never);
  for (const object of objects) {
    const type = resourceOfKind(resources, object.apiVersion, object.kind);
    if (type === undefined) throw new Error(`the server does not know ${object.kind} of ${object.apiVersion}`);
    await client.apply(type, object, { ...options, fieldManager: 'lab', fieldValidation: 'Strict' });
  }
}

async function kindsOfTheOperator(): Promise<readonly KubeObject[]> {
  const read = async (name: string) => await readFile(join(packagingDirectory() ?? '', `${name}.yaml`), 'utf8');
  return await Promise.all(monitoringKinds.map(async (name) => parse(await read(name)) as KubeObject));
}

const isOf =
  (...kinds: readonly string[]) =>
  ({ kind }: KubeObject): boolean =>
    kinds.includes(kind);

/** A pod as the workload's controller makes it. */
function podOf(workload: KubeObject, namespace: string | undefined = workload.metadata.namespace): KubeObject {
  const { template } = workload['spec'] as { readonly template: { readonly metadata: object; readonly spec: object } };
  const metadata = { ...template.metadata, name: 'try', ...(namespace === undefined ? {} : { namespace }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec };
}

/** As the guide says; resolves with what was applied. */
async function install({ kubernetes }: Lab, mode: (typeof modes)[number]): Promise<readonly KubeObject[]> {
  const kubectl = await openKubectl(kubernetes.kubeconfig);
  const { exitCode, stderr } = await kubectl.run(['apply', '--server-side', '-k', join(manifests, 'overlays', mode)]);
  if (exitCode !== 0) throw new Error(stderr);
  return await kustomized(`overlays/${mode}`);
}

async function startController(lab: Lab, objects: readonly KubeObject[], address: string): Promise<LabPod> {
  const { client, kubernetes } = lab;
  const spec = podSpecOf(theOnly(objects, 'Deployment'));
  const account = await accountOf(client, kubernetes, 'controller');
  return await startPod({ spec, fields: { 'status.podIP': address }, account });
}

function theOnly(objects: readonly KubeObject[], kind: string): KubeObject {
  const [object, ...others] = objects.filter(isOf(kind));
  if (object === undefined || others.length > 0) throw new Error(`there is not one ${kind}`);
  return object;
}

void t.test('the chart makes what kustomize makes', { skip }, async (t) => {
  const monitoring = await kustomized('monitoring');
  const withoutOrder = (objects: readonly KubeObject[]): unknown =>
    Object.fromEntries(
      objects.map((object) => [`${object.kind} ${object.metadata.namespace}/${object.metadata.name}`, object]),
    );
  for (const mode of modes) {
    const overlay = await kustomized(`overlays/${mode}`);
    t.same(withoutOrder(await helmed({ mode })), withoutOrder(overlay), mode);
    t.same(
      withoutOrder(await helmed({ mode, monitoring: true })),
      withoutOrder([...overlay, ...monitoring]),
      `${mode}, monitored`,
    );
  }
  const isOwnNamespace = ({ kind, metadata }: KubeObject): boolean =>
    kind === 'Namespace' && metadata.name === SYSTEM_NAMESPACE;
  const inside = await helmed({}, ['--namespace', SYSTEM_NAMESPACE]);
  t.notOk(inside.some(isOwnNamespace), 'a release in the namespace finds it there');
  t.equal(inside.length, (await helmed({})).length - 1, 'and has everything else');
});

void t.test('values go where they belong, and unknown ones are refused', { skip }, async (t) => {
  const nodeSelector = { 'hosting.wcp360.io/host': null, disk: 'fast "one"' };
  const objects = await helmed({ image: 'registry.example/wcp360@sha256:0', replicas: 3, nodeSelector });
  const [controller, agent] = [theOnly(objects, 'Deployment'), theOnly(objects, 'DaemonSet')];
  t.match(controller['spec'], { replicas: 3 });
  t.match(podSpecOf(agent), { nodeSelector: { disk: 'fast "one"' } });
  for (const workload of [controller, agent])
    t.equal(podSpecOf(workload).containers[0]?.image, 'registry.example/wcp360@sha256:0');
  await t.rejects(helmed({ mode: 'none' }), { message: /mode/ });
  await t.rejects(helmed({ replica: 3 }), { message: /replica/ });
});

void t.test('a real API server takes every object, field by field', { skip }, async (t) => {
  const { client } = await startLab(t);
  await applyAll(client, await kindsOfTheOperator(), { dryRun: false });
  const monitoring = await kustomized('monitoring');
  for (const mode of modes) {
    const objects = await kustomized(`overlays/${mode}`);
    const [first, others] = [
      objects.filter(isOf('CustomResourceDefinition', 'Namespace')),
      [...objects, ...monitoring].filter((object) => !isOf('CustomResourceDefinition', 'Namespace')(object)),
    ];
    await applyAll(client, first, { dryRun: true });
    // What stands in a namespace cannot even be tried without it.
    await applyAll(client, first.filter(isOf('Namespace')), { dryRun: false });
    await delay(establishMs);
    await applyAll(client, others, { dryRun: true });
    t.ok(others.length > 10, `${mode}: ${first.length + others.length} objects`);
    const [wrong] = others.filter(isOf('Deployment'));
    await t.rejects(
      applyAll(client, [{ ...wrong, spec: { ...(wrong?.['spec'] as object), replica: 2 } } as KubeObject], {
        dryRun: true,
      }),
      {
        message: /replica/,
      },
    );
  }
});

void t.test('pods are let into their namespaces, and nowhere else', { skip }, async (t) => {
  const lab = await startLab(t);
  for (const mode of modes) {
    const objects = await install(lab, mode);
    const [controller, agent] = [theOnly(objects, 'Deployment'), theOnly(objects, 'DaemonSet')];
    const tries = async (pod: KubeObject): Promise<void> => await applyAll(lab.client, [pod], { dryRun: true });
    await t.resolves(tries(podOf(controller)), `${mode}: the controller has no right that it does not need`);
    await t.resolves(tries(podOf(agent)), `${mode}: the agent`);
    await t.rejects(tries(podOf(agent, SYSTEM_NAMESPACE)), { message: /violates PodSecurity "restricted/ });
    const loose = podOf(controller);
    const spec = { ...podSpecOf(controller), securityContext: { runAsNonRoot: true } };
    await t.rejects(tries({ ...loose, spec }), { message: /seccompProfile/ }, 'the control');
  }
});

void t.test('helm installs it, and takes it away', { skip }, async (t) => {
  const { kubernetes } = await startLab(t);
  const kubectl = await openKubectl(kubernetes.kubeconfig);
  const made = await kubectl.run(['apply', '-f', join(manifests, 'bootstrap/namespace.yaml')]);
  t.equal(made.exitCode, 0, made.stderr);
  const helm = async (...argv: readonly string[]): ReturnType<typeof run> =>
    await run([
      packagingProgram('helm'),
      '--kubeconfig',
      kubernetes.kubeconfig,
      '--namespace',
      SYSTEM_NAMESPACE,
      ...argv,
    ]);
  const installed = await helm('install', 'wcp360', chart);
  t.equal(installed.exitCode, 0, installed.stderr);
  t.equal((await kubectl.run(['get', 'deployment/controller', '-n', SYSTEM_NAMESPACE])).exitCode, 0);
  t.equal((await kubectl.run(['get', 'domains', '-A'])).exitCode, 0, 'the kinds are served');
  const again = await helm('upgrade', 'wcp360', chart, '--set', 'mode=host-agent');
  t.equal(again.exitCode, 0, again.stderr);
  t.equal((await helm('uninstall', 'wcp360')).exitCode, 0);
  t.equal((await kubectl.run(['get', 'domains', '-A'])).exitCode, 0, 'the kinds stay, and what was declared with them');
});

void t.test('pods call programs as they are, with flags that they take', { skip }, async (t) => {
  const unit = await readFile(join(manifests, 'systemd/wcpd-agent.service'), 'utf8');
  const started = /^ExecStart=(.*) \\\n/m.exec(unit)?.[1]?.split(' ') ?? [];
  const fields = { 'spec.nodeName': 'web1', 'status.podIP': '10.1.2.3' };
  for (const mode of modes) {
    for (const workload of (await kustomized(`overlays/${mode}`)).filter(isOf('Deployment', 'DaemonSet'))) {
      const { argv, env } = commandOf(podSpecOf(workload), fields);
      const start = argv.indexOf(started[0] ?? '');
      t.same(
        argv.slice(start, start + started.length),
        started,
        `${workload.metadata.name}: as an installed host does`,
      );
      const [name = '', ...args] = argv.slice(start + started.length);
      const program = programs[name];
      if (program === undefined) throw new Error(`there is no program ${name}`);
      const { sources } = parseProgramArgs(program, args);
      const config = await loadConfig(program.config, { ...sources, environment: env });
      t.match(config, { metricsListen: /^10\.1\.2\.3:\d+$/ });
      const variables = optionsOf(program.config).map(({ variable }) => variable);
      const given = Object.keys(env).filter((variable) => variable.startsWith('WCPD_'));
      t.ok(
        given.every((variable) => variables.includes(variable)),
        given.join(),
      );
      if (name === 'agent')
        t.match(config, { hostName: 'web1', serviceManager: mode === 'operator' ? 'supervised' : 'systemd' });
    }
  }
});

void t.test(
  'two controllers as in their pods: one leads, the other takes over, and both tell it',
  { skip },
  async (t) => {
    const lab = await startLab(t);
    const objects = await install(lab, 'operator');
    const addresses = [podAddress(), podAddress()];
    const pods = await Promise.all(addresses.map(async (address) => await startController(lab, objects, address)));
    t.teardown(async () => await Promise.all(pods.map(async (pod) => await pod.stop())));
    const ask = async (address: string, path: string): Promise<Response> =>
      await fetch(`http://${address}:9361${path}`);
    const leading = async (): Promise<readonly string[]> => {
      const told = await Promise.all(addresses.map(async (address) => await (await ask(address, '/metrics')).text()));
      return addresses.filter((_, index) => /^leader_election_master_status\{.*\} 1$/m.test(told[index] ?? ''));
    };
    for (const [index, address] of addresses.entries()) {
      const isReady = until(async () => (await ask(address, '/readyz')).ok, `${address} to be ready`);
      await isReady.catch(() => t.fail(pods[index]?.log() ?? ''));
      t.ok((await ask(address, '/livez')).ok);
      t.equal((await ask(address, '/')).status, 404);
    }
    const [leader = ''] = await until(async () => {
      const found = await leading();
      return found.length > 0 ? found : undefined;
    }, 'one to lead');
    t.same(await leading(), [leader], 'and only one');
    const named = await metricsNamed();
    t.ok(named.length > 4);
    const kubectl = await openKubectl(lab.kubernetes.kubeconfig);
    await kubectl.run(['create', '-f', join(manifests, 'bootstrap/package.yaml')]);
    for (const name of named) {
      const isTold = async () => new RegExp(`^${name}(\\{| )`, 'm').test(await (await ask(leader, '/metrics')).text());
      await t.resolves(until(isTold, `${name}, which an alert speaks of`), name);
    }
    await pods[addresses.indexOf(leader)]?.stop();
    addresses.splice(addresses.indexOf(leader), 1);
    await t.resolves(until(async () => (await leading()).length === 1, 'the other to lead'));
  },
);

void t.test('an agent as in its pod, beside a controller as in its own, serves sites', { skip }, async (t) => {
  const lab = await startLab(t);
  const { client } = lab;
  const objects = await install(lab, 'operator');
  const [node, address, port] = [await prepareNode(lab.client, lab.kubernetes, 'web1'), podAddress(), await freePort()];
  const pods = [
    await startController(lab, objects, podAddress()),
    await startPod({
      spec: podSpecOf(theOnly(objects, 'DaemonSet')),
      fields: { 'spec.nodeName': 'web1', 'status.podIP': address },
      node,
      env: await frontOn(port),
    }),
  ];
  t.teardown(async () => {
    for (const pod of pods) await pod.stop();
    await rm(node, { recursive: true, force: true });
  });
  const isReady = until(async () => (await fetch(`http://${address}:9362/readyz`)).ok, 'the agent to be ready');
  await isReady.catch(() => t.fail(pods.map((pod) => pod.log()).join('\n')));
  await declareTenant(client, 'acme', { limits: { memory: '1Gi' } });
  const directory = join(node, 'srv/wcp360');
  const host = { directory, ...tenantFiles(directory) };
  await declareStaticSite(host, client, { domain: aDomain('acme', 'still'), page: 'I stand.' });
  t.equal((await visit(port, 'still.acme.test')).body, 'I stand.');
  await declareSite(client, aDomain('acme', 'php', { php: {} }));
  await host.place('acme', 'domains/php/public/index.php', '<?= 6 * 7;');
  t.equal((await visit(port, 'php.acme.test')).body, '42', 'sandboxes can be made in the pod');
});

/** Metrics that alerts are about; `up` is Prometheus' own. */
async function metricsNamed(): Promise<readonly string[]> {
  const rules = theOnly(await kustomized('monitoring'), 'PrometheusRule')['spec'] as {
    readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
  };
  const expressions = rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  const names = expressions.flatMap((expr) => [...expr.matchAll(/([a-z][a-z0-9_]*)\{/g)].map(([, name = '']) => name));
  return [...new Set(names)].filter((name) => name !== 'up');
}
