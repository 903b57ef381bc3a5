import { createHash } from 'node:crypto';
import type { Clock } from '#runtime/base/clock.ts';
import { ApiError, HostError, RefusedError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { certificateSigningRequestKind } from '#schemas/meta/builtin.ts';
import { agentAccountOf, systemUserOf } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

export interface CertificateWish {
  readonly client: Client;
  readonly hostName: string;
  /** PEM. */
  readonly key: string;
  readonly seconds: number;
  /** Requests for one key under other circumstances are other requests: the id of the token. */
  readonly circumstance: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const type = resourceTypeOf(certificateSigningRequestKind);
const signerName = 'kubernetes.io/kube-apiserver-client';
const pollMs = 250;
const patienceMs = 120_000;
const longestHostPart = 200;

interface RequestStatus {
  readonly certificate?: string;
  readonly conditions?: readonly { readonly type: string; readonly reason?: string; readonly message?: string }[];
}

/**
 * The certificate of a host's agent for this key, PEM: asks for it, and waits until it is approved and signed. Repeatable: the same key finds its request.
 * Errors: RefusedError when it is denied, or the server does not know us any more; HostError when nobody answers in two minutes; ApiError as the server says.
 */
export async function requestCertificate(wish: CertificateWish): Promise<string> {
  const { client, hostName, clock, signal } = wish;
  const name = requestNameOf(wish);
  const giveUpAtMs = clock.now() + patienceMs;
  let last = 'nobody has approved it; is wcpd controller running?';
  while (clock.now() < giveUpAtMs) {
    try {
      const request = (await client.get(type, { name }, signal)) ?? (await create(wish, name));
      const certificate = certificateOf(request);
      if (certificate !== undefined) return certificate;
    } catch (err) {
      // Somebody is as fast as we are, or the server is not there for a moment.
      if (!(isStatus(err, 409) || (err instanceof HostError && !signal.aborted))) throw told(err, hostName);
      if (err instanceof HostError) last = err.message;
    }
    await clock.sleep(pollMs, signal);
  }
  throw new HostError(`the request ${name} for a certificate was not answered in ${patienceMs / 1000} s: ${last}`);
}

function requestNameOf({ hostName, key, circumstance }: CertificateWish): string {
  const hash = createHash('sha256').update(key).update(circumstance).digest('hex').slice(0, 16);
  return `${agentAccountOf(hostName.slice(0, longestHostPart))}-${hash}`;
}

async function create({ client, hostName, key, seconds, signal }: CertificateWish, name: string): Promise<KubeObject> {
  // Loaded when it is needed: most starts of an agent do without.
  const { requestFor } = await import('#runtime/pki/issue.ts');
  const request = await requestFor(systemUserOf(agentAccountOf(hostName)), key);
  const object = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: certificateSigningRequestKind.kind,
    metadata: { name },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName,
      usages: ['digital signature', 'client auth'],
      expirationSeconds: seconds,
    },
  };
  return await client.create(type, object, { signal });
}

function certificateOf(request: KubeObject): string | undefined {
  const { certificate, conditions = [] } = (request['status'] ?? {}) as RequestStatus;
  const refusal = conditions.find((condition) => condition.type === 'Denied' || condition.type === 'Failed');
  if (refusal !== undefined)
    throw new RefusedError(refusal.reason ?? refusal.type, refusal.message ?? 'the request was denied');
  return certificate === undefined || certificate === ''
    ? undefined
    : Buffer.from(certificate, 'base64').toString('utf8');
}

function told(err: unknown, hostName: string): unknown {
  if (!(err instanceof ApiError && err.status === 401)) return err;
  const message = `the server does not know us: the token, or the certificate, has ended or was revoked. Make a new one: wcpctl host join-command ${hostName}`;
  return new RefusedError('NotKnown', message, { cause: err });
}
