import { access, readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { clusterIssuerKind } from '#schemas/v1alpha1/cluster-issuer.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { placeFile } from '#runtime/config/files.ts';
import { createServerPair } from '#runtime/config/pki.ts';
import type { UpConfig } from '#runtime/config/instance.ts';
import type { ServiceUnit, Services } from '#runtime/host/host.ts';
import { layoutOf, mountPoint, programUid, resolverAddress, type Layout } from './layout.ts';

/** What stands in for a public CA in a private instance: pebble, and a resolver for it that knows every name. */

const inside = layoutOf(mountPoint);
const pebble = '/usr/bin/pebble';
const readyTimeoutMs = 10_000;
const pollMs = 30;
/** What public CAs give; left alone it gives five years, which browsers refuse. */
const lifeSeconds = 90 * 24 * 3_600;
const owner = { uid: programUid, gid: programUid } as const;

/** Whether the instance has one: pebble has to be installed. */
export async function hasAuthority({ acmePort }: Pick<UpConfig, 'acmePort'>): Promise<boolean> {
  if (acmePort === 0) return false;
  return await access(pebble).then(
    () => true,
    () => false,
  );
}

/** Its files: certificate, key and settings. */
export async function prepareAuthority(layout: Layout, config: UpConfig): Promise<void> {
  if (!(await hasAuthority(config))) return;
  await createServerPair(join(layout.pki, 'acme'), { commonName: 'wcp360-acme', owner });
  const settings = {
    listenAddress: `127.0.0.1:${config.acmePort}`,
    managementListenAddress: `127.0.0.1:${config.acmeManagementPort}`,
    certificate: join(inside.pki, 'acme/server.crt'),
    privateKey: join(inside.pki, 'acme/server.key'),
    httpPort: config.httpPort,
    tlsPort: config.httpsPort,
    certificateValidityPeriod: lifeSeconds,
  };
  await placeFile(join(layout.config, 'pebble.json'), JSON.stringify({ pebble: settings }), { mode: 0o644 });
}

/** Starts it, has its root believed by whoever reads `layout.roots`, and makes it the issuer of all Domains that name no other. */
export async function startAuthority(
  config: UpConfig,
  { client, services }: { readonly client: Client; readonly services: Services },
  signal: AbortSignal,
): Promise<void> {
  for (const unit of authorityUnits(config)) await services.start(unit, signal);
  await keepRoot(config, signal);
  await client.apply(resourceTypeOf(clusterIssuerKind), await issuerFor(config), {
    fieldManager: 'wcp360-setup',
    force: true,
    signal,
  });
}

function authorityUnits(config: UpConfig): readonly ServiceUnit[] {
  const { resolverPort, dnsPort } = config;
  const resolver = [inside.node, join(inside.programs, 'resolver.mjs'), String(resolverPort)];
  const settings = ['-config', join(inside.config, 'pebble.json'), '-dnsserver', resolverAddress(config)];
  return [
    unitOf('resolver', dnsPort === 0 ? resolver : [...resolver, String(dnsPort)]),
    unitOf('acme', [pebble, ...settings, '-strict']),
  ];
}

function unitOf(name: string, command: readonly string[]): ServiceUnit {
  return {
    name,
    command,
    ...owner,
    // It waits a while before it looks, and refuses some nonces, unless it is told not to.
    environment: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
    workingDirectory: '/',
    logPath: join(inside.logs, `${name}.log`),
    restart: 'always',
  };
}

/** It has another root after each start; what an earlier one has signed is good as long as it lasts. */
async function keepRoot({ acmeManagementPort }: UpConfig, signal: AbortSignal): Promise<void> {
  const root = await fetchRoot(`https://127.0.0.1:${acmeManagementPort}/roots/0`, signal);
  const before = await readFile(inside.roots, 'utf8').catch(() => '');
  if (!before.includes(root.trim())) await placeFile(inside.roots, `${root.trim()}\n${before}`, { mode: 0o644 });
}

async function fetchRoot(url: string, signal: AbortSignal): Promise<string> {
  const ca = await readFile(join(inside.pki, 'acme/ca.crt'), 'utf8');
  const giveUpAt = Date.now() + readyTimeoutMs;
  for (;;) {
    const answer = await new Promise<string | undefined>((resolve) => {
      const asked = request(url, { ca, signal, timeout: readyTimeoutMs }, (response) => {
        text(response).then(resolve, () => resolve(undefined));
      });
      asked.once('error', () => resolve(undefined));
      asked.end();
    });
    if (answer?.includes('BEGIN CERTIFICATE') === true) return answer;
    if (Date.now() > giveUpAt)
      throw new HostError(`the stand-in for a CA does not answer; see ${inside.logs}/acme.log`);
    await systemClock.sleep(pollMs, signal);
  }
}

/** It refuses nothing for being asked too often. */
const unlimited = { count: 1_000_000, period: '1s' };

async function issuerFor({ acmePort }: UpConfig): Promise<KubeObject> {
  const bundle = await readFile(join(inside.pki, 'acme/ca.crt'));
  return {
    apiVersion: apiVersionOf(clusterIssuerKind),
    kind: clusterIssuerKind.kind,
    metadata: { name: 'local', labels: { 'app.kubernetes.io/part-of': 'wcp360' } },
    spec: {
      isDefault: true,
      acme: {
        server: `https://127.0.0.1:${acmePort}/dir`,
        caBundle: bundle.toString('base64'),
        privateKeySecretRef: { name: 'local-issuer-account' },
        limits: { orders: unlimited, ordersPerDomain: unlimited },
        solvers: [{ http01: {} }, { dns01: {}, selector: { wildcards: true } }],
      },
    },
  };
}
