import { certificateSigningRequestKind, secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, LABELS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import { denied } from './judge.ts';
import type { JoinToken, Verdict } from './model.ts';

interface VerdictInput {
  readonly name: string;
  readonly uid: string;
  readonly verdict: Verdict;
}

export type VerdictsAction = Action<'verdicts', 'give-verdict', VerdictInput>;

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

const requestType = resourceTypeOf(certificateSigningRequestKind);
const secretType = resourceTypeOf(secretKind);
const fieldManager = 'wcp360-verdicts';

/**
 * Approves and denies requests for certificates, each once.
 *
 * A join token is good for one request: that is noted on its Secret, under the condition that nobody did so before, and only then the request is approved.
 * Whatever dies in between finds its own note again.
 */
export function createVerdictsDriver<W extends World>(): Driver<
  'verdicts',
  Cache,
  Verdict | undefined,
  VerdictsAction,
  W
> {
  return {
    name: 'verdicts',
    nothing: undefined,
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => verdictOn(cache.get(certificateSigningRequestKind, { name: owner.name })),
    plan: planVerdict,
    apply: async ({ input }, { client, cache }, signal) => {
      const request = cache.get(certificateSigningRequestKind, { name: input.name });
      if (request === undefined || request.metadata.uid !== input.uid || verdictOn(request) !== undefined) return;
      const { token } = input.verdict;
      const refusal = token === undefined ? undefined : await useToken(token, input, { client, signal });
      await write(request, refusal ?? input.verdict, { client, signal });
    },
  };
}

/** Conditions of a request; the times in them are the server's. */
type Told = Omit<Condition, 'lastTransitionTime'>;

function conditionsOf(request: KubeObject | undefined): readonly Told[] {
  const { conditions = [] } = (request?.['status'] ?? {}) as { readonly conditions?: readonly Told[] };
  return conditions;
}

function verdictOn(request: KubeObject | undefined): Verdict | undefined {
  for (const { type, reason, message } of conditionsOf(request))
    if (type === 'Approved' || type === 'Denied') return { type, reason, message };
  return undefined;
}

/** What was said stays said. */
function planVerdict(
  owner: Owner,
  desired: Verdict | undefined,
  observed: Verdict | undefined,
): readonly VerdictsAction[] {
  if (desired === undefined || observed !== undefined) return [];
  return [
    {
      driver: 'verdicts',
      op: 'give-verdict',
      subject: `CertificateSigningRequest/${owner.name}`,
      reason: 'missing',
      disruption: 'none',
      changes: [{ field: 'status.conditions', from: undefined, to: `${desired.type}: ${desired.reason}` }],
      input: { name: owner.name, uid: owner.uid, verdict: desired },
    },
  ];
}

interface Acting {
  readonly client: Client;
  readonly signal: AbortSignal;
}

/** Notes on the token's Secret that this request used it; the verdict when it cannot. Asks the server, since a cache may know less. */
async function useToken(
  { id, host }: JoinToken,
  { uid }: VerdictInput,
  { client, signal }: Acting,
): Promise<Verdict | undefined> {
  const labelSelector = `${LABELS.joinToken}=${id}`;
  const options = { namespace: SYSTEM_NAMESPACE, labelSelector, as: 'PartialObjectMetadata', signal } as const;
  const [secret] = (await client.list(secretType, options)).items;
  const again = ` Make a new one: wcpctl host join-command ${host}`;
  if (secret === undefined) return denied('NotOfCommand', again);
  const { annotations = {}, resourceVersion } = secret.metadata;
  if (annotations[ANNOTATIONS.joinHost] !== host) return denied('OtherHost');
  const usedBy = annotations[ANNOTATIONS.joinUsedBy];
  if (usedBy !== undefined) return usedBy === uid ? undefined : denied('TokenUsed', again);
  const body = { metadata: { resourceVersion, annotations: { [ANNOTATIONS.joinUsedBy]: uid } } };
  const key = { namespace: SYSTEM_NAMESPACE, name: secret.metadata.name };
  await client.patch(secretType, key, { type: 'merge', body }, { fieldManager, signal });
  return undefined;
}

async function write(request: KubeObject, verdict: Verdict, { client, signal }: Acting): Promise<void> {
  const { name, resourceVersion } = request.metadata;
  const { type, reason, message } = verdict;
  const conditions = [...conditionsOf(request), { type, status: 'True', reason, message }];
  const body = { metadata: { resourceVersion }, status: { conditions } };
  await client.patch(requestType, { name }, { type: 'merge', body }, { fieldManager, subresource: 'approval', signal });
}
