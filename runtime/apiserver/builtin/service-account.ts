import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import { isRecord } from '#runtime/base/json.ts';

/** ServiceAccounts name the Secrets of their namespace, and say nothing else of them. */
export const serviceAccountStrategy: Strategy = {
  ...plainStrategy,
  deletedAnswer: 'object',
  completeCreate: keepNames,
  completeUpdate: keepNames,
};

function keepNames(draft: Draft): void {
  const { secrets } = draft;
  if (!Array.isArray(secrets)) return;
  draft['secrets'] = secrets.map((secret: unknown) =>
    isRecord(secret) && typeof secret['name'] === 'string' ? { name: secret['name'] } : {},
  );
}
