/** Facts of the host that the front's constant configuration is rendered with. Nothing of a tenant is among them. */
export interface FrontSettings {
  readonly root: string;
  /** At least one; IPv6 addresses without brackets. */
  readonly listen: readonly FrontAddress[];
  /** Where HTTPS is spoken; may be empty. Redirects name the port of the first. */
  readonly httpsListen: readonly FrontAddress[];
  /** A loopback address that takes plain requests where `listen` wants the PROXY protocol: for the agent's probes. */
  readonly probeListen?: FrontAddress;
  /** The same for HTTPS. */
  readonly probeHttpsListen?: FrontAddress;
  /**
   * Whether HTTP/3 is spoken where HTTPS is, by an nginx from 1.25.1 on that was built with it. Never with the PROXY protocol, which is of TCP. Such an nginx
   * replaces the keys of TLS sessions by itself, which spares it the reload that would disturb connections of QUIC.
   */
  readonly http3: boolean;
  /** argv of the program that the front gets its keys from. */
  readonly keyProgram: readonly string[];
  readonly user: string;
  /** Worker processes. */
  readonly workers: number;
  /** Networks whose word about the client's address and scheme counts. */
  readonly trustedProxies: readonly string[];
  /** Where a trusted proxy tells the client's address. */
  readonly clientAddress: 'X-Forwarded-For' | 'ProxyProtocol';
}

export interface FrontAddress {
  readonly address: string;
  readonly port: number;
}

/** Classes of directives that take no variable; a site gets the smallest that suffices, and Lua checks the exact limit. */
export const timeoutClassesSeconds = [10, 30, 60, 120, 300, 600, 3600] as const;

/** In bytes. */
export const bodyClasses = [1, 8, 32, 128, 512, 2048, 10_240].map((mebibytes) => mebibytes * 1024 * 1024);

/** The keys with which nginx' master seals sessions of TLS: the first seals, both open. */
export function ticketKeyPaths(root: string): readonly [string, string] {
  return [`${root}/front/ticket.key`, `${root}/front/ticket-before.key`];
}

/** The key of nginx' words to clients of QUIC that it no longer knows. It must outlive a reload, or they would go on talking to nobody (RFC 9000, 10.3). */
export function quicKeyPath(root: string): string {
  return `${root}/front/quic.key`;
}
