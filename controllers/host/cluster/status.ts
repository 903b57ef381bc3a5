import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Host, hostKind } from '#schemas/v1alpha1/host.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import type { HostClusterInputs } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** What the leader says: whether the host can be counted on, which its agent cannot tell once it is gone. */
export function hostClusterStatus(
  host: Host,
  { inputs, outcome }: { readonly inputs: HostClusterInputs | undefined; readonly outcome: Outcome },
): StatusPatch<typeof hostKind> {
  const ready = { type: 'Ready', ...readiness(host, inputs?.agent ?? 'Absent', outcome) };
  return {
    fields: panelOf(host, inputs),
    conditions: [ready, ...drainedOf(inputs?.drain), ...panelClaimedOf(host, inputs)],
  };
}

/** What its agent may serve: told once there is a certificate, and nobody has the name. */
function panelOf(
  { spec: { panel } }: Host,
  inputs: HostClusterInputs | undefined,
): StatusPatch<typeof hostKind>['fields'] {
  const { secretVersion = '', heldBy } = inputs?.panel ?? {};
  if (panel === undefined || secretVersion === '' || heldBy !== undefined) return {};
  const { hostname, tls } = panel;
  return { panel: { hostname, tls: { secretName: tls.secretRef.name, resourceVersion: secretVersion } } };
}

/** Only there while there is to be a panel. */
function panelClaimedOf({ spec: { panel } }: Host, inputs: HostClusterInputs | undefined): readonly Statement[] {
  if (panel === undefined || inputs?.panel === undefined) return [];
  const type = 'PanelClaimed';
  const { hostname, tls } = panel;
  const { secretVersion, heldBy } = inputs.panel;
  if (heldBy !== undefined) {
    const message = `${hostname} belongs to tenant ${heldBy}; take another name, or have it let go first.`;
    return [{ type, status: 'False', reason: 'HostnameTaken', message }];
  }
  if (secretVersion === '') {
    const message = `There is no Secret ${tls.secretRef.name} in wcp360-system with the certificate.`;
    return [{ type, status: 'False', reason: 'SecretNotFound', message }];
  }
  return [{ type, status: 'True', reason: 'Claimed', message: `${hostname} is the platform’s.` }];
}

/** Only there while the host is to be emptied. */
function drainedOf(drain: HostClusterInputs['drain']): readonly Statement[] {
  const type = 'Drained';
  if (drain === undefined) return [];
  const { left, stuck, kept } = drain;
  if (left === 0) {
    const also =
      kept === 0 ? '' : ` ${kept} RetainedData of tenants stay on its disk until they expire or are deleted.`;
    return [{ type, status: 'True', reason: 'Empty', message: `No tenant is on the host.${also}` }];
  }
  if (stuck.length === 0) return [{ type, status: 'False', reason: 'Draining', message: `${left} tenants are left.` }];
  const names = `${stuck.slice(0, 5).join(', ')}${stuck.length > 5 ? ', …' : ''}`;
  const message = `${left} tenants are left; ${stuck.length} of them cannot go (${names}), and say why.`;
  return [{ type, status: 'False', reason: 'NoHost', message }];
}

function readiness(host: Host, agent: HostClusterInputs['agent'], outcome: Outcome): Omit<Statement, 'type'> {
  const { name } = host.metadata;
  if (outcome.phase === 'pending') return { status: 'False', reason: outcome.reason, message: outcome.message };
  if (outcome.phase === 'failed') return { status: 'False', reason: 'ApplyFailed', message: outcome.message };
  if (host.spec.lost) {
    return {
      status: 'False',
      reason: 'Lost',
      message: 'The host was declared lost; its tenants are placed elsewhere.',
    };
  }
  if (agent === 'Silent') {
    const message = `Nothing is heard of the agent. What host ${name} serves goes on as far as the machine lives; nothing is deleted. If it is gone for good: wcpctl host lost ${name}`;
    return { status: 'Unknown', reason: 'AgentSilent', message };
  }
  const serving = findCondition(host.status?.conditions, 'Serving');
  if (agent === 'Absent' || serving === undefined) {
    return { status: 'False', reason: 'NotJoined', message: `No agent has joined as host ${name} yet.` };
  }
  if (serving.status !== 'True') return { status: 'False', reason: serving.reason, message: serving.message };
  return { status: 'True', reason: 'Serving', message: 'The agent works and the web front is there.' };
}
