import { certificateSigningRequestKind } from '#schemas/meta/builtin.ts';
import type { ResourceOf } from '#schemas/meta/kind.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { defineController, type Pending } from '#runtime/manager/controller.ts';
import type { ClusterParts, DriverOf } from '#controllers/parts.ts';
import { hostAskedFor, isOfHost, judge } from './judge.ts';
import type { AskedCertificate, Verdict } from './model.ts';

export type CertificateSigningRequestDrivers<W> = {
  readonly verdicts: DriverOf<Verdict | undefined, W>;
};

export interface CertificateSigningRequestInputs {
  readonly isHostThere: boolean;
}

type Request = ResourceOf<typeof certificateSigningRequestKind>;

/** A Host that was made a moment ago may not be known here yet. */
const graceMs = 15_000;
const unknown: Pending = {
  pending: { reason: 'HostUnknown', message: 'There is no such Host yet.', retryAfterMs: 1_000 },
};

/** Approves what agents and joining machines ask for themselves, and denies what they ask beyond. Requests of others are left to others. */
export function createCertificateSigningRequestClusterController<W>({ verdicts, now }: ClusterParts<W>) {
  return defineController<
    typeof certificateSigningRequestKind,
    W,
    CertificateSigningRequestDrivers<W>,
    CertificateSigningRequestInputs
  >({
    name: 'certificate-signing-request.cluster',
    kind: certificateSigningRequestKind,
    drivers: { verdicts },
    // Only read: requests wait for a Host in no time worth a watch.
    watches: [{ kind: hostKind, keysOf: () => [] }],
    concerns: (request) => isOfHost(askedBy(request)),
    gather: (request, cache) => {
      const isHostThere = isThere(hostAskedFor(askedBy(request)), cache);
      return isHostThere || ageMsOf(request, now()) > graceMs ? { isHostThere } : unknown;
    },
    desired: (request, { isHostThere }) => ({ verdicts: judge(askedBy(request), isHostThere) }),
    // The verdict is a condition of another subresource.
    status: () => undefined,
  });
}

function askedBy(request: Request): AskedCertificate {
  return request.spec as unknown as AskedCertificate;
}

function isThere(host: string | undefined, cache: Cache): boolean {
  // Whoever asks for no host is told so at once.
  if (host === undefined) return true;
  const found: Host | undefined = cache.get(hostKind, { name: host });
  return found !== undefined && found.metadata.deletionTimestamp === undefined && !found.spec.lost;
}

function ageMsOf({ metadata }: Request, nowMs: number): number {
  return nowMs - Date.parse(metadata.creationTimestamp ?? '');
}
