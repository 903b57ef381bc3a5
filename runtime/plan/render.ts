import type { Action, FieldChange, Plan } from './plan.ts';
import { isRemoval } from './order.ts';

/**
 * A plan for people, in the manner of a unified diff: one block an action, its changes below it; empty text for an empty plan.
 * Control characters in values are escaped, so that nothing a tenant wrote can move the cursor of who reads it.
 */
export function renderPlan(plan: Plan): string {
  return plan.actions.map(renderAction).join('');
}

function renderAction(action: Action): string {
  const disruption = action.disruption === 'none' ? '' : ` [${action.disruption}]`;
  const head = `${signOf(action)} ${action.driver} ${action.op} ${action.subject} (${action.reason})${disruption}`;
  return [head, ...action.changes.flatMap(renderChange)].map((line) => `${visible(line)}\n`).join('');
}

function renderChange(change: FieldChange): readonly string[] {
  return [
    ...(change.from === undefined ? [] : [`    - ${change.field}: ${change.from}`]),
    ...(change.to === undefined ? [] : [`    + ${change.field}: ${change.to}`]),
  ];
}

function signOf(action: Action): '+' | '-' | '~' {
  if (isRemoval(action)) return '-';
  return action.reason === 'missing' || isAllAdded(action.changes) ? '+' : '~';
}

function isAllAdded(changes: readonly FieldChange[]): boolean {
  return changes.length > 0 && changes.every((change) => change.from === undefined);
}

// oxlint-disable-next-line eslint/no-control-regex -- exactly these are what must not reach a terminal
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function visible(text: string): string {
  return text.replaceAll(control, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
