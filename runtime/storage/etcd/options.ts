/** PEM. The client's certificate is shown to etcd; etcd's own must be signed by `ca` and name the host of its endpoint. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface EtcdOptions {
  /** `http://` or `https://` and host:port, all of one cluster; at least one. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  /** How long the store may take to answer for the first time; 10 s by default. */
  readonly dialTimeoutMs?: number;
  /** Bound of every call; 10 s by default. */
  readonly requestTimeoutMs?: number;
}
