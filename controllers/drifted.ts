import type { ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Outcome } from '#runtime/manager/controller.ts';

const mostShown = 5;

/** Whether the host is as declared; said only where it is known: while pending or failing nobody has compared. */
export function driftedOf(outcome: Outcome): readonly Omit<ConditionStatement, 'observedGeneration'>[] {
  if (outcome.phase === 'synced') {
    return [{ type: 'Drifted', status: 'False', reason: 'InSync', message: 'The host is as declared.' }];
  }
  if (outcome.phase !== 'drifted') return [];
  const subjects = outcome.withheld.map((action) => action.subject);
  const shown = subjects.slice(0, mostShown).join(', ');
  const more = subjects.length > mostShown ? ` and ${String(subjects.length - mostShown)} more` : '';
  return [
    {
      type: 'Drifted',
      status: 'True',
      reason: 'DriftFound',
      message: `The host differs in ${shown}${more}; the drift policy leaves it so.`,
    },
  ];
}
