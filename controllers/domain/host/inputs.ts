import type { ProxyTarget } from '#runtime/drivers/nginx/model.ts';
import type { WantedName } from '#controllers/domain/names.ts';

/** Whose the files of a Domain on this host are. */
export interface FileInputs {
  readonly tenant: string;
  /** Unix user and group id of the tenant. */
  readonly accountId: number;
  /** Group of the web front. */
  readonly frontGid: number;
  /** The host's root: `/srv/wcp360`. */
  readonly root: string;
}

/** What becomes of the files of a Domain that leaves this host. */
export interface LeavingInputs extends FileInputs {
  /** Whether there is an object that tells of them. */
  readonly isNoted: boolean;
}

/** Everything about the world that a Domain on this host depends on; plain data, so that a golden case can state it. */
export interface DomainHostInputs extends LeavingInputs {
  /** The last copy is taken for another host: nothing of the tenant may write. */
  readonly isStill: boolean;
  /** Directories with sockets of Debian's own database servers, where Databases may be on one. */
  readonly neighbourSockets?: readonly string[];
  /** Names that are bound to this tenant, and the platform's own for a preview. */
  readonly names: readonly WantedName[];
  /** Why names are missing in `names`. */
  readonly unclaimed?: Problem;
  /** The sentence for visitors; present: the site is suspended. */
  readonly suspendedFor?: string;
  readonly php?: PhpInputs;
  /** Where requests are passed on to. */
  readonly proxy?: ProxyTarget;
  /** The site can not be served as written, but must not go on as it was. */
  readonly problem?: Problem;
  /** The certificate that names are served with; absent: plain HTTP only. */
  readonly tls?: TlsInputs;
  /** Why there is none yet where one is wanted. */
  readonly uncertified?: Problem;
  /** Names → resourceVersions of the Secrets referred to. */
  readonly secretVersions: Readonly<Record<string, string>>;
}

export interface TlsInputs {
  readonly secretName: string;
  readonly resourceVersion: string;
  /** Names that it is for. */
  readonly dnsNames: readonly string[];
  readonly serialNumber?: string;
}

export interface PhpInputs {
  readonly version: string;
  readonly children: number;
  readonly memoryBytes: number;
}

/** A reason of DOMAIN_REASONS and the sentence for the customer. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}
