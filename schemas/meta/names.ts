/** Words that stand in every object of ours: group, labels, annotations, finalizers. */

export const GROUP = 'hosting.wcp360.io';

/** The namespace for Secrets of cluster-scoped kinds, ServiceAccounts of hosts, and leases. */
export const SYSTEM_NAMESPACE = 'wcp360-system';

export const LABELS = {
  /** Whose an object is; on a Namespace it lets a Tenant adopt it. */
  tenant: 'hosting.wcp360.io/tenant',
  managedBy: 'app.kubernetes.io/managed-by',
  /** On a Secret of the system namespace: the id of the token that dies with it, by which a machine joins. */
  joinToken: 'hosting.wcp360.io/join-token',
} as const;

export const MANAGED_BY = 'wcp360';

export const ANNOTATIONS = {
  paused: 'hosting.wcp360.io/paused',
  /** For whom an object was made, as Kind/namespace/name. Set by us on every child; a rebuild from Git finds its children by it, though uids differ. */
  owner: 'hosting.wcp360.io/owner',
  requestedAt: 'hosting.wcp360.io/requested-at',
  /** On a Secret with the key of a zone: what is published of it, as in a DNSKEY record. */
  dnskey: 'hosting.wcp360.io/dnskey',
  /** On a Certificate: any new value asks for a new certificate. On its Secret: the value that led to this one. */
  renew: 'hosting.wcp360.io/renew',
  /** On a Certificate: the serial number of one that must not be trusted any longer, and why: `<serial number>/keyCompromise`. */
  revoke: 'hosting.wcp360.io/revoke',
  /** On the Secret of a Certificate: a mark of the spec that it was got for. */
  issuedFor: 'hosting.wcp360.io/issued-for',
  /** On the Secret of a DatabaseUser: a digest of what it says, with the password by its key. */
  connection: 'hosting.wcp360.io/connection',
  /** On the Secret with the passwords of a DatabaseUser: which of them are in use, and since when. */
  passwords: 'hosting.wcp360.io/passwords',
  /** On a DatabaseUser: any new value asks for a new password. */
  rotate: 'hosting.wcp360.io/rotate',
  /** On a Host: the word that an alarm names, written by a person who has looked. */
  confirm: 'hosting.wcp360.io/confirm',
  /** On the Secret of a join token: the Host that a machine may become by it. */
  joinHost: 'hosting.wcp360.io/join-host',
  /** On the Secret of a join token: uid of the one request for a certificate that used it. */
  joinUsedBy: 'hosting.wcp360.io/join-used-by',
} as const;

export const FINALIZERS = {
  cluster: 'hosting.wcp360.io/cluster',
  host: 'hosting.wcp360.io/host',
  /** Of the host that something moves to, and of the one that it was moved from, until nothing is left there. */
  nextHost: 'hosting.wcp360.io/next-host',
  formerHost: 'hosting.wcp360.io/former-host',
  /** Of the leader, for records of a Zone at a provider, until none of ours is left there. */
  provider: 'hosting.wcp360.io/provider',
} as const;

/** The range of Unix user ids that tenants get. */
export const ACCOUNT_UIDS = { first: 20_000, last: 59_999 } as const;

export function isAccountUid(uid: number): boolean {
  return uid >= ACCOUNT_UIDS.first && uid <= ACCOUNT_UIDS.last;
}

/** Name of the HostnameClaim of a hostname: `*.x` becomes `wc--any.x`, which no hostname can be (labels refuse `--` at the third place). */
export function claimNameOf(hostname: string): string {
  return hostname.startsWith('*.') ? `wc--any.${hostname.slice(2)}` : hostname;
}

/** The slice in which everything of the tenant with this Unix user id runs. */
export function sliceOf(uid: number): string {
  return `wcp360-${String(uid)}`;
}

/** The ServiceAccount, in the system namespace, of the agent of a host. */
export function agentAccountOf(host: string): string {
  return `agent-${host}`;
}

/** The Lease, in the system namespace, that the agent of a host renews as long as it lives. */
export function hostLeaseOf(host: string): string {
  return `host-${host}`;
}

/** The ServiceAccount, in the system namespace, as which a machine that has no certificate yet asks for one. */
export const JOIN_ACCOUNT = 'join';

/** How servers call an account of the system namespace, be it known by a token or by a certificate. */
export function systemUserOf(account: string): string {
  return `system:serviceaccount:${SYSTEM_NAMESPACE}:${account}`;
}

/** The host whose agent a user is; `undefined` for everybody else. */
export function hostOfAgent(user: string): string | undefined {
  const prefix = systemUserOf(agentAccountOf(''));
  return user.startsWith(prefix) && user.length > prefix.length ? user.slice(prefix.length) : undefined;
}
