import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Domain, domainKind } from '#schemas/v1alpha1/domain.ts';
import type { Outcome, ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import { servedOf } from '#controllers/domain/host/status.ts';
import type { ArrivalInputs } from './gather.ts';

export interface ArrivalStatusInput {
  readonly inputs: ArrivalInputs | undefined;
  readonly outcome: Outcome;
  readonly probes: readonly ProbeResult[];
  /** False: the Domain is here, and nothing of what was said on the way holds any longer. */
  readonly isComing: boolean;
}

type Answer = Pick<ConditionStatement, 'status' | 'reason' | 'message'>;

/** What the agent of the next host says: NextHostReady, and nothing else. */
export function arrivalStatus(domain: Domain, input: ArrivalStatusInput): StatusPatch<typeof domainKind> {
  const isGoing = domain.metadata.deletionTimestamp !== undefined || domain.status?.moving === 'Undoing';
  const isOver = !input.isComing || isGoing;
  return { fields: {}, conditions: isOver ? [] : [{ type: 'NextHostReady', ...answerOf(domain, input) }] };
}

function answerOf(domain: Domain, { inputs, outcome, probes }: ArrivalStatusInput): Answer {
  const progress = inputs?.copy.progress;
  if (progress?.phase === 'Failed') return { status: 'False', reason: 'CopyFailed', message: progress.message };
  if (outcome.phase === 'failed') return { status: 'False', reason: 'ApplyFailed', message: outcome.message };
  if (progress?.phase === 'Running') return { status: 'False', reason: 'Copying', message: progress.message };
  if ('reason' in outcome) return { status: 'False', reason: outcome.reason, message: outcome.message };
  if (domain.status?.moving !== 'LastCopy')
    return { status: 'False', reason: 'Copied', message: 'The files are copied; the last copy is still to be taken.' };
  return servedHere(domain, { inputs, outcome, probes });
}

/** A site that is not served where it is need not be served here, as long as that has the same cause. */
function servedHere(domain: Domain, { inputs, outcome, probes }: Omit<ArrivalStatusInput, 'isComing'>): Answer {
  const here = inputs?.obstacle ?? servedOf(domain, { inputs: inputs?.site, outcome, probes });
  const isServed = 'status' in here && here.status === 'True';
  if (isServed)
    return { status: 'True', reason: 'Arrived', message: 'The files are here, and the site would be served.' };
  const there = findCondition(domain.status?.conditions, 'Served');
  if (there?.status === 'False' && there.reason === here.reason) {
    return { status: 'True', reason: 'Arrived', message: `The files are here; as before: ${here.message}` };
  }
  return { status: 'False', reason: here.reason, message: here.message };
}
