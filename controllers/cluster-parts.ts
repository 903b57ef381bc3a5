import type { DnsServer } from '#runtime/dns/ask.ts';
import { createAskEachServer } from '#runtime/dns/ask-each-server.ts';
import { createAskServers } from '#runtime/dns/ask-servers.ts';
import { createDnsProvidersDriver } from '#runtime/drivers/dns-providers/index.ts';
import { createAcmeAccounts, type CertificateTools } from './acme-accounts.ts';
import { createCertificatesDriver } from './certificate/certificates-driver.ts';
import { createVerdictsDriver } from './certificate-signing-request/verdicts-driver.ts';
import { ancestorsOf, registrableOf } from './hostname-claim/ancestors.ts';
import { createClaimsDriver } from './hostname-claim/claims-driver.ts';
import { judgeBeside } from './hostname-claim/judge.ts';
import type { ProofPolicy } from './hostname-claim/proof.ts';
import { createProofsDriver } from './hostname-claim/proofs-driver.ts';
import { createIssuersDriver } from './issuers-driver.ts';
import { createLooksDriver, type LookAtServer } from './database-server/looks-driver.ts';
import { createDisposalDriver } from './lifecycle/disposal-driver.ts';
import type { ClusterParts, ClusterWorld } from './parts.ts';
import { createSourcesDriver } from './source/sources-driver.ts';
import type { SourceTools } from './source/tools.ts';
import { createTurns } from './source/turns.ts';
import { readSecret } from './secret-store.ts';
import { createUidsDriver } from './uid-claim/uids-driver.ts';
import { createProviderNotes } from './zone/provider-notes.ts';

/** Four heartbeats of an agent, as Kubernetes waits for a node. */
const defaultHostGraceMs = 40_000;

export interface ClusterSettings {
  readonly hostGraceMs?: number | undefined;
  readonly proofPolicy?: ProofPolicy | undefined;
  readonly previewDomain?: string | undefined;
}

/** What zones at providers take beside the API server. */
export interface ProviderSettings {
  /** Addresses of APIs in place of the providers' own, by their id. */
  readonly endpoints: Readonly<Partial<Record<string, string>>>;
  /** Who is asked in place of the providers' servers; nobody unless given. */
  readonly nameServer?: DnsServer | undefined;
}

export interface ClusterTools {
  readonly sources: SourceTools;
  readonly certificates: CertificateTools;
  readonly dnsProviders: ProviderSettings;
  readonly lookAtServer: LookAtServer;
}

/** What cluster controllers need of each other. One value for all of them: drivers that are shared keep one snapshot. */
export function createClusterParts<W extends ClusterWorld>(
  { sources: tools, certificates, dnsProviders, lookAtServer }: ClusterTools,
  { hostGraceMs = defaultHostGraceMs, proofPolicy = 'WhenShared', previewDomain = '' }: ClusterSettings = {},
): ClusterParts<W> {
  const turns = createTurns();
  const accounts = createAcmeAccounts(certificates);
  return {
    disposal: (kind) => createDisposalDriver<W>(kind),
    uids: createUidsDriver<W>(),
    claims: createClaimsDriver<W>(),
    verdicts: createVerdictsDriver<W>(),
    issuers: createIssuersDriver<W>(accounts, certificates),
    certificates: createCertificatesDriver<W>({ accounts, registrable: registrableOf }, certificates),
    judgeHostname: judgeBeside(previewDomain),
    proofPolicy,
    proofs: createProofsDriver<W>(certificates),
    previewDomain,
    ancestorsOf,
    databaseLooks: createLooksDriver<W>(lookAtServer),
    dnsProviders: createDnsProvidersDriver<W>({
      clock: tools.clock,
      endpoints: dnsProviders.endpoints,
      secrets: ({ client }) => ({
        read: async (namespace, name, signal) => (await readSecret(client, { namespace, name }, signal))?.values,
      }),
      notes: createProviderNotes(),
    }),
    askNameServers: createAskServers(certificates.resolver, dnsProviders.nameServer),
    askEachServer: createAskEachServer(certificates.resolver, dnsProviders.nameServer),
    sources: createSourcesDriver<W>(tools, turns),
    areSourcesCrowded: turns.isCrowded,
    now: () => tools.clock.now(),
    uptimeMs: () => performance.now(),
    hostGraceMs,
  };
}
