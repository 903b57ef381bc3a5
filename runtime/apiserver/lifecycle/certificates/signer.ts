import {
  clientSigner,
  conditionsOf,
  requestCollection,
  requestGroup,
  requestResource,
  requestTextOf,
} from '#runtime/apiserver/builtin/certificate-signing-request.ts';
import { recordAt, textAt } from '#runtime/apiserver/builtin/fields.ts';
import { withConditions } from '#runtime/apiserver/lifecycle/conditions.ts';
import type { LifecycleTask } from '#runtime/apiserver/lifecycle/loop.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { required } from '#runtime/base/errors.ts';
import { parseCertificateRequest } from '#runtime/pki/certificate-request.ts';
import type { KeyUsage } from '#runtime/pki/issue.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

const clientUsage = 'client auth';
const keyUsages: readonly string[] = ['digital signature', 'key encipherment'] satisfies readonly KeyUsage[];
/** As kube-controller-manager: a year at most, ten minutes at least. */
const lifetimes = { maxSeconds: 365 * 24 * 3600, minSeconds: 600 };

export interface SignerOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
  /** The CA whose client certificates the server believes. */
  readonly authority: PemPair;
}

/** Issues client certificates for approved requests to `kubernetes.io/kube-apiserver-client` (Kubernetes docs, "Kubernetes signers"); other signers are others' business. */
export function certificateSigner(options: SignerOptions): LifecycleTask {
  const { cache } = options;
  return {
    name: 'certificate-signer',
    workers: 1,
    resync: (queue) => {
      for (const { name } of cache.list(requestCollection)) queue.add(name, 'later');
    },
    observe: ({ type, current }, queue) => {
      if (current.collection === requestCollection && type !== 'deleted') queue.add(current.name);
    },
    work: async (name) => {
      const request = cache.get(requestCollection, '', name)?.object;
      if (request !== undefined && isToSign(request)) await settle(options, request);
    },
  };
}

function isToSign(request: KubeObject): boolean {
  const types = conditionsOf(request).map(({ type }) => type);
  return (
    textAt(request, 'spec', 'signerName') === clientSigner &&
    types.includes('Approved') &&
    !types.includes('Denied') &&
    !types.includes('Failed') &&
    textAt(request, 'status', 'certificate') === ''
  );
}

async function settle(options: SignerOptions, request: KubeObject): Promise<void> {
  const { operations, clock } = options;
  const refused = refusalOf(usagesOf(request));
  const certificate = refused === undefined ? await issue(options, request) : '';
  const resource = required(operations.resource(requestGroup, requestResource), 'the resource of requests');
  const { name, uid } = request.metadata;
  const change = (live: KubeObject): KubeObject | undefined => {
    if (live.metadata.uid !== uid || !isToSign(live)) return undefined;
    return refused === undefined ? withCertificate(live, certificate) : failed(live, refused, clock.now());
  };
  await operations.mutate(resource, { namespace: '', name }, change, { subresource: 'status' });
}

function withCertificate(live: KubeObject, certificate: string): KubeObject {
  const encoded = Buffer.from(certificate).toString('base64');
  return { ...live, status: { ...recordAt(live, 'status'), certificate: encoded } };
}

function failed(live: KubeObject, message: string, nowMs: number): KubeObject | undefined {
  const condition = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message } as const;
  return withConditions(live, [condition], nowMs);
}

function usagesOf(request: KubeObject): readonly string[] {
  const { usages } = recordAt(request, 'spec');
  return Array.isArray(usages) ? usages.map(String) : [];
}

function refusalOf(usages: readonly string[]): string | undefined {
  const invalid = usages.find((usage) => usage !== clientUsage && !isKeyUsage(usage));
  if (invalid !== undefined) return `invalid usage for client certificate: ${invalid}`;
  return usages.includes(clientUsage) ? undefined : `missing required usage for client certificate: ${clientUsage}`;
}

function isKeyUsage(usage: string): usage is KeyUsage {
  return keyUsages.includes(usage);
}

async function issue({ authority, clock }: SignerOptions, request: KubeObject): Promise<string> {
  const { expirationSeconds = lifetimes.maxSeconds } = recordAt(request, 'spec');
  const seconds = Math.min(Math.max(Number(expirationSeconds), lifetimes.minSeconds), lifetimes.maxSeconds);
  // Loaded when it is needed first: most servers never sign.
  const { issueForRequest } = await import('#runtime/pki/issue.ts');
  return await issueForRequest(authority, parseCertificateRequest(requestTextOf(request)), {
    lifetimeMs: seconds * 1000,
    nowMs: clock.now(),
    keyUsages: usagesOf(request).filter(isKeyUsage),
  });
}
