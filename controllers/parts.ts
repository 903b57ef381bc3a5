import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Client } from '#runtime/client/client.ts';
import type { DnsAnswer } from '#runtime/dns/ask.ts';
import type { Accounts } from '#runtime/drivers/accounts/model.ts';
import type { ChallengeAnswer, ChallengeAnswers } from '#runtime/drivers/challenges/model.ts';
import type { Copy, CopyKey } from '#runtime/drivers/copies/model.ts';
import type { ProviderState } from '#runtime/drivers/dns-providers/model.ts';
import type { ServersState } from '#runtime/drivers/databases/model.ts';
import type { OwnServersState } from '#runtime/drivers/own-servers/model.ts';
import type { Driver } from '#runtime/drivers/driver.ts';
import type { SiteTable } from '#runtime/drivers/nginx/model.ts';
import type { PhpPools } from '#runtime/drivers/php-fpm/model.ts';
import type { ZoneTable } from '#runtime/drivers/powerdns/model.ts';
import type { Shells } from '#runtime/drivers/shells/index.ts';
import type { SliceLimits } from '#runtime/drivers/slices/model.ts';
import type { Tree } from '#runtime/drivers/tree/model.ts';
import type { Host } from '#runtime/host/host.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Engine } from './database-names.ts';
import type { CertificateState } from './certificate/model.ts';
import type { ServerLook } from './database-server/looks-driver.ts';
import type { Verdict } from './certificate-signing-request/model.ts';
import type { Objection } from './hostname-claim/judge.ts';
import type { ProofPolicy } from './hostname-claim/proof.ts';
import type { ProofState } from './hostname-claim/proofs-driver.ts';
import type { IssuerState } from './issuers-driver.ts';
import type { SourceState } from './source/model.ts';

/** A driver of which a controller knows only what states it speaks. */
export type DriverOf<State, W> = Driver<string, unknown, State, Action, W>;

/** Whether an object of ours is to stay. */
export interface Fate {
  readonly fate: 'Stay' | 'Go';
  /** In which state it was found; empty in what is wanted. */
  readonly resourceVersion: string;
}

/** What drivers of cluster controllers act on. */
export interface ClusterWorld {
  readonly client: Client;
  readonly cache: Cache;
}

/** What drivers of host controllers act on. */
export interface HostWorld extends ClusterWorld {
  readonly host: Host;
}

/** Whether a tenant may have a hostname; `undefined` when it may. */
export type JudgeHostname = (hostname: string, tenant: string, cache: Cache) => Objection | undefined;

/** What the composition root hands to every cluster controller: controllers know each other by this only. */
export interface ClusterParts<W> {
  /** Deletes objects of a kind that nobody needs. */
  readonly disposal: (kind: KindDefinition) => DriverOf<Fate, W>;
  /** The user id of a tenant. */
  readonly uids: DriverOf<number | undefined, W>;
  /** hostname → tenant. */
  readonly claims: DriverOf<ReadonlyMap<string, string>, W>;
  readonly judgeHostname: JudgeHostname;
  /** When a tenant has to show that a name is its own. */
  readonly proofPolicy: ProofPolicy;
  /** Asks the DNS whose names are. */
  readonly proofs: DriverOf<ProofState, W>;
  /** Below which sites are served before their names are shown to be their tenants'; empty: nowhere. */
  readonly previewDomain: string;
  /** Names above a hostname that somebody could own, nearest first. */
  readonly ancestorsOf: (hostname: string) => readonly string[];
  /** Approves and denies requests for certificates. */
  readonly verdicts: DriverOf<Verdict | undefined, W>;
  /** Opens accounts at CAs. */
  readonly issuers: DriverOf<IssuerState, W>;
  /** Gets certificates. */
  readonly certificates: DriverOf<CertificateState, W>;
  /** Whether database servers elsewhere can be used. */
  readonly databaseLooks: DriverOf<ServerLook, W>;
  /** Records of zones at providers. */
  readonly dnsProviders: DriverOf<ProviderState, W>;
  /** Asks name servers by their names, until one answers. HostError when none does. */
  readonly askNameServers: (
    names: readonly string[],
    question: { readonly name: string; readonly type: string },
    signal: AbortSignal,
  ) => Promise<DnsAnswer>;
  /** Asks name servers by their names, each of their addresses; those that do not answer are left out. */
  readonly askEachServer: (
    names: readonly string[],
    question: { readonly name: string; readonly type: string },
    signal: AbortSignal,
  ) => Promise<readonly { readonly server: string; readonly answer: DnsAnswer }[]>;
  /** Looks at directories and repositories. */
  readonly sources: DriverOf<SourceState, W>;
  /** Whether as many Sources of a namespace are looked at as may be at once. */
  readonly areSourcesCrowded: (namespace: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds by a clock that nobody can set. */
  readonly uptimeMs: () => number;
  /** An agent that was not heard of for so long is silent. */
  readonly hostGraceMs: number;
}

/** What the front serves for a hostname at the moment. */
export interface FrontAnswer {
  readonly uid: string;
  readonly generation: number;
}

/** What the running front of this machine can be asked, as a visitor would. HostError when it does not answer. */
export interface FrontProbes<W> {
  /** What it serves for a name, told on its reserved path; `undefined` when that is nothing. */
  readonly site: (world: W, hostname: string, signal: AbortSignal) => Promise<FrontAnswer | undefined>;
  /** Serial number of the certificate that a handshake for the name shows; `undefined` when it is refused. Absent where this host speaks no TLS. */
  readonly certificate?: (world: W, hostname: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Whether it shows a CA what it is to. */
  readonly challenge: (
    world: W,
    asked: { readonly token: string; readonly answer: ChallengeAnswer },
    signal: AbortSignal,
  ) => Promise<boolean>;
}

/** The database servers that a host speaks to, by their engine; what is wanted of one, the others do not have. */
export type DatabaseServerDrivers<W> = { readonly [E in Engine]: DriverOf<ServersState, W> };

/** What the composition root hands to every host controller. */
export interface HostParts<W> {
  /** Name of the Host object of this machine. */
  readonly hostName: string;
  readonly accounts: DriverOf<Accounts, W>;
  readonly slices: DriverOf<SliceLimits, W>;
  readonly tree: DriverOf<Tree, W>;
  readonly phpFpm: DriverOf<PhpPools, W>;
  readonly nginx: DriverOf<SiteTable, W>;
  readonly powerdns: DriverOf<ZoneTable, W>;
  /** The database servers that it speaks to. */
  readonly databases: DatabaseServerDrivers<W>;
  /** How the database servers run that it keeps for itself. */
  readonly ownServers: DriverOf<OwnServersState, W>;
  /** Bytes of a database on a server of a driver, by its name there; `undefined` while nobody has measured it. */
  readonly databaseSizeOf: (where: string, databaseName: string) => number | undefined;
  /** Version of a server that this host does not keep for itself; `undefined` while nobody has looked. */
  readonly serverVersionOf: (engine: Engine, server: string) => string | undefined;
  /** Asks the name server of this machine. HostError when it does not answer. */
  readonly askNameServer: (
    world: W,
    question: { readonly name: string; readonly type: string },
    signal: AbortSignal,
  ) => Promise<DnsAnswer>;
  /** Programs that people run as a tenant. */
  readonly shells: DriverOf<Shells, W>;
  /** Files that come from another host. */
  readonly copies: DriverOf<Copy, W>;
  /** How far the copy of a Domain's files is; `undefined` when none was begun. */
  readonly copyOf: (domain: CopyKey) => Copy | undefined;
  /** What the front answers to those who check orders of certificates. */
  readonly challenges: DriverOf<ChallengeAnswers, W>;
  readonly front: FrontProbes<W>;
}
