import { findCondition } from '#schemas/meta/conditions.ts';
import type { Host, hostKind } from '#schemas/v1alpha1/host.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import type { HostParts } from '#controllers/parts.ts';

type Statement = StatusPatch<typeof hostKind>['conditions'][number];

const type = 'DnsServing';
const serving: ProbeResult = { ok: true, reason: 'DnsServing', message: 'The name server answers.' };
const silent: ProbeResult = {
  ok: false,
  reason: 'DnsSilent',
  message: 'The name server does not answer; its log and that of the agent say why. Zones wait for it.',
};

/** Whether the name server of the host answers, be it only that it has nothing to say of the root. */
export async function probeNameServer<W>(
  askNameServer: HostParts<W>['askNameServer'],
  world: W,
  signal: AbortSignal,
): Promise<ProbeResult> {
  try {
    await askNameServer(world, { name: '.', type: 'SOA' }, signal);
    return serving;
  } catch (err) {
    if (err instanceof HostError) return silent;
    throw err;
  }
}

/** Whether a probe is of the name server. */
export function isOfNameServer({ reason }: ProbeResult): boolean {
  return reason === serving.reason || reason === silent.reason;
}

/** What was said last stays while nobody looks. */
export function nameServerConditions({ status }: Host, probes: readonly ProbeResult[]): readonly Statement[] {
  const probe = probes.find(isOfNameServer);
  if (probe !== undefined) {
    const { ok, reason, message } = probe;
    return [{ type, status: ok ? 'True' : 'False', reason, message }];
  }
  const before = findCondition(status?.conditions, type);
  return before === undefined ? [] : [{ type, status: before.status, reason: before.reason, message: before.message }];
}
