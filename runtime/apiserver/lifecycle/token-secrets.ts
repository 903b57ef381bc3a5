import type { ObjectMark } from '#runtime/apiserver/auth/tokens/claims.ts';
import type { TokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import { secretCollection, serviceAccountCollection } from '#runtime/apiserver/auth/tokens/live-token.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import { required } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { CachedObject, CacheEvent, WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { LifecycleTask } from './loop.ts';

const tokenSecretType = 'kubernetes.io/service-account-token';
const accountNameAnnotation = 'kubernetes.io/service-account.name';
const accountUidAnnotation = 'kubernetes.io/service-account.uid';
const accountIndex = 'service-account';

export interface TokenSecretOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly tokens: TokenIssuer;
  readonly rootCertificates: string | undefined;
}

/**
 * Fills Secrets of type `kubernetes.io/service-account-token` with a token that lasts as long as the Secret, and removes those whose ServiceAccount is gone
 * (Kubernetes docs, "Manually create a long-lived API token for a ServiceAccount").
 */
export function tokenSecrets(options: TokenSecretOptions): LifecycleTask {
  const { cache } = options;
  cache.defineIndex(secretCollection, { name: accountIndex, valuesOf: accountKeys });
  const secretsOf = (namespace: string, account: string) =>
    cache.byIndex(secretCollection, accountIndex, `${namespace}/${account}`);
  return {
    name: 'token-secrets',
    workers: 2,
    resync: (queue) => {
      for (const secret of cache.list(secretCollection)) {
        if (mayBeTokenSecret(secret)) queue.add(keyOf(secret), 'later');
      }
    },
    observe: (event, queue) => {
      const { collection, namespace, name } = event.current;
      if (collection === secretCollection && event.type !== 'deleted' && mayBeTokenSecret(event.current)) {
        queue.add(keyOf(event.current));
      } else if (collection === serviceAccountCollection && isAccountTurn(event)) {
        for (const secret of secretsOf(namespace, name)) queue.add(keyOf(secret));
      }
    },
    work: async (key) => {
      const [namespace = '', name = ''] = key.split('/');
      const secret = cache.get(secretCollection, namespace, name)?.object;
      if (secret !== undefined && accountKeys(secret).length > 0) await settle(options, namespace, secret);
    },
  };
}

function keyOf(secret: CachedObject): string {
  return `${secret.namespace}/${secret.name}`;
}

const typeBytes = Buffer.from(tokenSecretType);

/** Looks at the bytes, so that other Secrets are not parsed. */
function mayBeTokenSecret(secret: CachedObject): boolean {
  return secret.bytes.includes(typeBytes);
}

function isAccountTurn(event: CacheEvent): boolean {
  return event.type !== 'modified';
}

function accountKeys(secret: KubeObject): readonly string[] {
  const account = secret.metadata.annotations?.[accountNameAnnotation];
  if (secret['type'] !== tokenSecretType || account === undefined) return [];
  return [`${secret.metadata.namespace ?? ''}/${account}`];
}

async function settle(options: TokenSecretOptions, namespace: string, secret: KubeObject): Promise<void> {
  const { operations, cache } = options;
  const { name, annotations = {} } = secret.metadata;
  const resource = required(operations.resource('', 'secrets'), 'the resource secrets');
  await cache.sync();
  const accountName = annotations[accountNameAnnotation] ?? '';
  const account = cache.get(serviceAccountCollection, namespace, accountName)?.object.metadata;
  const wantedUid = annotations[accountUidAnnotation] ?? account?.uid;
  if (account?.uid === undefined || wantedUid !== account.uid) {
    const preconditions = { uid: required(secret.metadata.uid, 'the uid of a stored Secret') };
    await operations.delete(resource, { namespace, name }, { propagationPolicy: 'Background', preconditions });
  } else if (!isFilled(secret)) {
    await fill(options, { namespace, account: { name: accountName, uid: account.uid }, secret });
  }
}

function isFilled(secret: KubeObject): boolean {
  const data = secret['data'];
  const hasToken = isRecord(data) && typeof data['token'] === 'string';
  return hasToken && secret.metadata.annotations?.[accountUidAnnotation] !== undefined;
}

interface Binding {
  readonly namespace: string;
  readonly account: ObjectMark;
  readonly secret: KubeObject;
}

async function fill(options: TokenSecretOptions, binding: Binding): Promise<void> {
  const { operations } = options;
  const { namespace, account, secret } = binding;
  const resource = required(operations.resource('', 'secrets'), 'the resource secrets');
  const content = await tokenContent(options, binding);
  await operations.mutate(resource, { namespace, name: secret.metadata.name }, (live) => {
    if (live.metadata.uid !== secret.metadata.uid || isFilled(live)) return undefined;
    const annotations = { ...live.metadata.annotations, [accountUidAnnotation]: account.uid };
    const data = { ...(isRecord(live['data']) ? live['data'] : {}), ...content };
    return { ...live, metadata: { ...live.metadata, annotations }, data };
  });
}

async function tokenContent(options: TokenSecretOptions, bound: Binding): Promise<Readonly<Record<string, string>>> {
  const { name, uid } = bound.secret.metadata;
  const { token } = await options.tokens.issue({
    namespace: bound.namespace,
    serviceAccount: bound.account,
    secret: { name, uid: required(uid, 'the uid of a stored Secret') },
    lifetimeSeconds: undefined,
  });
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    token: encode(token),
    namespace: encode(bound.namespace),
    ...(options.rootCertificates === undefined ? {} : { 'ca.crt': encode(options.rootCertificates) }),
  };
}
