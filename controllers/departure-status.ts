import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Outcome } from '#runtime/manager/controller.ts';

interface DepartureStatus {
  readonly fields: Readonly<Record<never, never>>;
  readonly conditions: readonly Omit<ConditionStatement, 'observedGeneration'>[];
}

/** What the agent of a host says of something that was moved from there: why it is not rid of it yet, and nothing in the end. */
export function departureStatus(outcome: Outcome): DepartureStatus {
  if (!('message' in outcome)) return { fields: {}, conditions: [] };
  const reason = outcome.phase === 'failed' ? 'ApplyFailed' : outcome.reason;
  return { fields: {}, conditions: [{ type: 'FormerHostClear', status: 'False', reason, message: outcome.message }] };
}
