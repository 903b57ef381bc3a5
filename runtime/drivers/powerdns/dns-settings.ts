export type DnsBackend = 'sqlite' | 'lmdb';

/** Facts of the host that the name server's constant configuration is rendered with. Nothing of a tenant is among them. */
export interface DnsSettings {
  readonly root: string;
  /** Where it keeps zones. LMDB is faster to answer from; nothing is taken over from the other one, since zones are made from their objects again. */
  readonly backend: DnsBackend;
  /** At least one; IPv6 addresses without brackets. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of its API, on loopback. */
  readonly apiPort: number;
  /** Whom it asks for the addresses that an ALIAS stands for; `undefined`: ALIAS has no answer. An address, with a port or without. */
  readonly resolver: string | undefined;
  /** As whom it runs. */
  readonly uid: number;
  readonly gid: number;
}
