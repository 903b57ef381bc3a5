import { keptOtherwise } from './explained/state.ts';
import { refusedOtherwise } from './explained/refusals.ts';
import { inOtherWords } from './explained/words.ts';
import type { Explanation, Finding } from './explanation.ts';

/** Every difference from kube-apiserver that stays. */
export const explanations: readonly Explanation[] = [...inOtherWords, ...refusedOtherwise, ...keptOtherwise];

export function explain(finding: Finding): Explanation | undefined {
  return explanations.find(({ matches }) => matches(finding));
}
