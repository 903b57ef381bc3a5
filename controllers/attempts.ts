import type { Outcome } from '#runtime/manager/controller.ts';

type Failed = Extract<Outcome, { phase: 'failed' }>;

/** What a status says of attempts that failed in a row: nothing once one went well. */
export function attemptsOf(outcome: Outcome): Partial<Pick<Failed, 'attempts' | 'nextTryAt'>> {
  return outcome.phase === 'failed' ? { attempts: outcome.attempts, nextTryAt: outcome.nextTryAt } : {};
}

/** What failed, how often, and when it is tried again, for the customer. */
export function failureMessage({ message, attempts, nextTryAt }: Omit<Failed, 'phase' | 'reason'>): string {
  return `${sentence(message)} This was attempt ${String(attempts)}; the next one is at ${nextTryAt}.`;
}

function sentence(message: string): string {
  return /[.!?]$/u.test(message) ? message : `${message}.`;
}
