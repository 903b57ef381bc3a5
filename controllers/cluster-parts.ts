import { createAcmeAccounts, type CertificateTools } from './acme-accounts.ts';
import { createCertificatesDriver } from './certificate/certificates-driver.ts';
import { createVerdictsDriver } from './certificate-signing-request/verdicts-driver.ts';
import { ancestorsOf } from './hostname-claim/ancestors.ts';
import { createClaimsDriver } from './hostname-claim/claims-driver.ts';
import { judgeHostname } from './hostname-claim/judge.ts';
import { createIssuersDriver } from './issuers-driver.ts';
import { createDisposalDriver } from './lifecycle/disposal-driver.ts';
import type { ClusterParts, ClusterWorld } from './parts.ts';
import { createSourcesDriver } from './source/sources-driver.ts';
import type { SourceTools } from './source/tools.ts';
import { createTurns } from './source/turns.ts';
import { createUidsDriver } from './uid-claim/uids-driver.ts';

/** Four heartbeats of an agent, as Kubernetes waits for a node. */
const defaultHostGraceMs = 40_000;

/** The name that somebody registered, of which a hostname is one, or the hostname where that is none. */
export function registrable(hostname: string): string {
  return ancestorsOf(hostname).at(-1) ?? hostname;
}

/** What cluster controllers need of each other. One value for all of them: drivers that are shared keep one snapshot. */
export function createClusterParts<W extends ClusterWorld>(
  { sources: tools, certificates }: { readonly sources: SourceTools; readonly certificates: CertificateTools },
  { hostGraceMs = defaultHostGraceMs }: { readonly hostGraceMs?: number | undefined } = {},
): ClusterParts<W> {
  const turns = createTurns();
  const accounts = createAcmeAccounts(certificates);
  return {
    disposal: (kind) => createDisposalDriver<W>(kind),
    uids: createUidsDriver<W>(),
    claims: createClaimsDriver<W>(),
    verdicts: createVerdictsDriver<W>(),
    issuers: createIssuersDriver<W>(accounts, certificates),
    certificates: createCertificatesDriver<W>({ accounts, registrable }, certificates),
    judgeHostname,
    ancestorsOf,
    sources: createSourcesDriver<W>(tools, turns),
    areSourcesCrowded: turns.isCrowded,
    now: () => tools.clock.now(),
    uptimeMs: () => performance.now(),
    hostGraceMs,
  };
}
