import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Site, SiteTable } from '#runtime/drivers/nginx/model.ts';
import { defineController, type Outcome, type ProbeResult, type StatusPatch } from '#runtime/manager/controller.ts';
import type { DriverOf, FrontProbes, HostParts, HostWorld } from '#controllers/parts.ts';
import { isOfNameServer, nameServerConditions, probeNameServer } from './name-server.ts';

export type HostHostDrivers<W> = { readonly nginx: DriverOf<SiteTable, W> };

/** What the host serves of the platform's own; absent: nothing. */
export interface HostHostInputs {
  /** Whether there is to be a name server. */
  readonly dns?: true;
  readonly panel?: NonNullable<NonNullable<Host['status']>['panel']>;
}

/** A Host on its machine: the panel in its web front, as far as the leader says that it may be there, and whether its name server answers. */
export function createHostHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, nginx, front, askNameServer } = parts;
  return defineController<typeof hostKind, W, HostHostDrivers<W>, HostHostInputs>({
    name: 'host.host',
    kind: hostKind,
    drivers: { nginx },
    watches: [],
    concerns: ({ metadata }) => metadata.name === hostName,
    gather: ({ spec, status }) => ({
      ...(status?.capabilities?.dns === undefined ? {} : { dns: true as const }),
      ...(spec.panel === undefined || status?.panel === undefined ? {} : { panel: status.panel }),
    }),
    desired: (host, inputs) => ({ nginx: desiredPanel(host, inputs) }),
    probe: async (host, inputs, world, signal) => [
      ...(inputs.dns === undefined ? [] : [await probeNameServer(askNameServer, world, signal)]),
      ...(await probePanel(host, inputs, { world, front, signal })),
    ],
    status: (host, { inputs, outcome, probes }) => ({
      fields: {},
      conditions: [
        ...(inputs?.dns === undefined ? [] : nameServerConditions(host, probes)),
        ...panelConditions(host, inputs, { outcome, probes: probes.filter((probe) => !isOfNameServer(probe)) }),
      ],
    }),
  });
}

/** Nothing of it is to be kept by a browser, shown within another page, or told to one that it leads to. (Without any referrer, forms would not say where they come from.) */
const headers = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Dumps that people bring are as large as that. */
const uploadBytes = 64 * 1024 * 1024;
const timeoutSeconds = 300;

/** One record, like those of Domains. */
export function desiredPanel({ metadata, spec }: Host, { panel }: HostHostInputs): SiteTable {
  if (panel === undefined) return new Map();
  const { name, uid = '', generation = 0 } = metadata;
  const { secretName, resourceVersion } = panel.tls;
  const site: Site = {
    ...{ owner: `Host/${name}`, uid, generation, tenant: SYSTEM_NAMESPACE },
    serve: { type: 'panel', databaseClient: spec.panel?.databaseClient === 'Adminer' },
    headers,
    tls: { secret: { namespace: SYSTEM_NAMESPACE, name: secretName, resourceVersion }, redirect: true },
    errorPages: {},
    ...{ uploadBytes, timeoutSeconds, cacheSeconds: 0, compress: true, accessLog: '' },
  };
  return new Map([[panel.hostname, site]]);
}

const served: ProbeResult = { ok: true, reason: 'PanelServing', message: 'The panel answers under its name.' };
const unserved: ProbeResult = { ok: false, reason: 'NotServing', message: 'The web front does not serve it yet.' };

async function probePanel<W>(
  { metadata: { uid } }: Host,
  { panel }: HostHostInputs,
  { world, front, signal }: { readonly world: W; readonly front: FrontProbes<W>; readonly signal: AbortSignal },
): Promise<readonly ProbeResult[]> {
  if (panel === undefined) return [];
  if (front.certificate === undefined)
    return [{ ok: false, reason: 'HttpsMissing', message: 'The web front of this host speaks no TLS.' }];
  try {
    const isServed = (await front.site(world, panel.hostname, signal))?.uid === uid;
    const isShown = (await front.certificate(world, panel.hostname, signal)) !== undefined;
    return [isServed && isShown ? served : unserved];
  } catch (err) {
    if (err instanceof HostError) return [unserved];
    throw err;
  }
}

/** Only there while there is to be a panel. */
function panelConditions(
  { spec }: Host,
  inputs: HostHostInputs | undefined,
  { outcome, probes }: { readonly outcome: Outcome; readonly probes: readonly ProbeResult[] },
): StatusPatch<typeof hostKind>['conditions'] {
  if (spec.panel === undefined || inputs?.panel === undefined) return [];
  const { ok, reason, message } = saidOf(outcome, probes);
  return [{ type: 'PanelServed', status: ok ? 'True' : 'False', reason, message }];
}

function saidOf(outcome: Outcome, probes: readonly ProbeResult[]): ProbeResult {
  if ('message' in outcome) return { ok: false, reason: outcome.reason, message: outcome.message };
  return probes.find(({ ok }) => !ok) ?? served;
}
