import { freshObject } from '#runtime/apiserver/auth/fresh-object.ts';
import { secretCollection, serviceAccountCollection } from '#runtime/apiserver/auth/tokens/live-token.ts';
import type { ObjectMark } from '#runtime/apiserver/auth/tokens/claims.ts';
import type { TokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import { conflict, notFound } from '#runtime/apiserver/http/api-errors.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import { answered, invalidReview, specOf, textOf, textsOf, type ReviewHandler, type ReviewRequest } from './review.ts';

const group = 'authentication.k8s.io';
const accountResource = { group: '', resource: 'serviceaccounts', kind: 'ServiceAccount' };
const secretResource = { group: '', resource: 'secrets', kind: 'Secret' };
const lifetimes = { defaultSeconds: 3600, minSeconds: 600, maxSeconds: 2 ** 32 } as const;

/** TokenRequest (`serviceaccounts/<name>/token`): a token for the account, perhaps bound to a Secret. */
export function tokenRequest(options: { readonly tokens: TokenIssuer; readonly cache: WatchCache }): ReviewHandler {
  const { tokens, cache } = options;
  return async (request) => {
    const { namespace, name } = request;
    const account = (await freshObject(cache, { collection: serviceAccountCollection, namespace, name }))?.metadata;
    if (account === undefined || account.deletionTimestamp !== undefined) throw notFound(accountResource, name);
    const spec = specOf(request.object);
    const lifetimeSeconds = lifetimeOf(request, spec);
    const secret = await boundSecret(request, spec['boundObjectRef'], cache);
    const audiences = textsOf(spec, 'audiences').filter((audience) => audience !== '');
    const issued = await tokens.issue({
      namespace,
      serviceAccount: { name, uid: account.uid ?? '' },
      ...(secret === undefined ? {} : { secret }),
      audiences,
      lifetimeSeconds,
    });
    const echo = {
      ...request.object,
      metadata: { ...request.object.metadata, name, namespace },
      spec: {
        ...spec,
        audiences: audiences.length === 0 ? [tokens.issuer] : audiences,
        expirationSeconds: lifetimeSeconds,
      },
    };
    return answered(
      { ...request, object: echo },
      { token: issued.token, expirationTimestamp: rfc3339(issued.expiresAtMs ?? 0) },
    );
  };
}

function lifetimeOf(request: ReviewRequest, spec: Readonly<Record<string, unknown>>): number {
  const wanted = spec['expirationSeconds'] ?? lifetimes.defaultSeconds;
  const refuse = (why: string) => {
    const message = `Invalid value: ${JSON.stringify(wanted)}: ${why}`;
    return invalidReview(request.object, group, {
      field: 'spec.expirationSeconds',
      reason: 'FieldValueInvalid',
      message,
    });
  };
  if (typeof wanted !== 'number' || !Number.isSafeInteger(wanted)) throw refuse('must be a whole number of seconds');
  if (wanted < lifetimes.minSeconds) throw refuse('may not specify a duration less than 10 minutes');
  if (wanted > lifetimes.maxSeconds) throw refuse('may not specify a duration larger than 2^32 seconds');
  return wanted;
}

async function boundSecret(request: ReviewRequest, ref: unknown, cache: WatchCache): Promise<ObjectMark | undefined> {
  if (!isRecord(ref)) return undefined;
  const kind = textOf(ref, 'kind');
  const name = textOf(ref, 'name');
  if (kind !== 'Secret' || textOf(ref, 'apiVersion') !== 'v1') {
    const message = `Invalid value: ${JSON.stringify(kind)}: tokens of this server can only be bound to v1 Secrets`;
    const field = 'spec.boundObjectRef';
    throw invalidReview(request.object, group, { field, reason: 'FieldValueInvalid', message });
  }
  const { namespace } = request;
  const secret = (await freshObject(cache, { collection: secretCollection, namespace, name }))?.metadata;
  if (secret?.uid === undefined || secret.deletionTimestamp !== undefined) throw notFound(secretResource, name);
  const uid = textOf(ref, 'uid');
  if (uid !== '' && uid !== secret.uid) {
    throw conflict(
      secretResource,
      name,
      `the Secret of this name does not have the UID ${uid} of the bound object reference`,
    );
  }
  return { name, uid: secret.uid };
}
