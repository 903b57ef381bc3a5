import type { Action } from '#runtime/plan/plan.ts';

/** hostname (`shop.acme.example`, `*.shop.acme.example`) → what the front does with it. */
export type SiteTable = ReadonlyMap<string, Site>;

/**
 * One record of the front's site table: data that the constant Lua code reads, never configuration text.
 * Absent fields mean "no". Paths are absolute on the host.
 */
export interface Site {
  /** `ownerId` of the Domain: the mark by which we know our own. */
  readonly owner: string;
  readonly uid: string;
  /** The Domain's generation that this record was made from; told on the reserved probe path. */
  readonly generation: number;
  readonly tenant: string;
  readonly serve: SiteServe;
  /** Names of response headers → values. */
  readonly headers: Readonly<Record<string, string>>;
  readonly access?: SiteAccess;
  /** Absent: plain HTTP only, and TLS handshakes for this name are refused. */
  readonly tls?: SiteTls;
  /** HTTP status → path below the document root. */
  readonly errorPages: Readonly<Record<string, string>>;
  /** Largest request body in bytes, checked exactly in Lua. */
  readonly uploadBytes: number;
  readonly timeoutSeconds: number;
  /** Client cache lifetime of static files in seconds; 0 means revalidate. */
  readonly cacheSeconds: number;
  readonly compress: boolean;
  /** Where `<logs>/<domain>.access.log` goes. */
  readonly accessLog: string;
}

export type SiteServe =
  | { readonly type: 'static'; readonly base: string; readonly root: string; readonly fallback: StaticFallback }
  | {
      readonly type: 'php';
      readonly base: string;
      readonly root: string;
      /** Front controller below the root (`index.php`) for what is no file; absent: 404. */
      readonly frontController?: string;
      /**
       * Paths that are refused whatever is there, as plain text: `/wp-config.php` is a suffix, `/vendor/` (with its last slash) a prefix,
       * `/wp-content/uploads/*.php` a prefix and a suffix.
       */
      readonly denySuffixes: readonly string[];
      readonly socket: string;
      /** Name of the pool to wake when the socket does not answer. */
      readonly pool: string;
      /** php.ini settings, one `name=value` a line as FastCGI PHP_VALUE; values hold no newline. */
      readonly phpValues: Readonly<Record<string, string>>;
    }
  | { readonly type: 'proxy'; readonly target: ProxyTarget }
  /** `to` is a whole URL, or `//host`: then scheme and port are those of the request. */
  | { readonly type: 'redirect'; readonly to: string; readonly code: 301 | 302 | 307 | 308; readonly keepPath: boolean }
  /** What the platform itself serves: with `databaseClient` the web client for databases, below `/databases/`. */
  | { readonly type: 'panel'; readonly databaseClient: boolean }
  | { readonly type: 'suspended'; readonly message: string }
  | { readonly type: 'unavailable'; readonly message: string };

/** What happens with a path that is no file: 404, or the single-page application's index. */
export type StaticFallback = 'NotFound' | 'Spa';

export type ProxyTarget =
  | { readonly type: 'socket'; readonly path: string }
  | {
      readonly type: 'address';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly allowed: readonly { readonly cidr: string; readonly fromPort: number; readonly toPort: number }[];
    };

export interface SiteAccess {
  /** CIDRs; when not empty, all others are refused. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /**
   * Present: credentials are asked for. `usersFile` holds htpasswd lines: the key `auth` of the Secret, resolved in apply, never part of a plan;
   * its resourceVersion makes a rotation visible.
   */
  readonly basicAuth?: {
    readonly realm: string;
    readonly usersFile: string;
    readonly secret?: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  };
}

export interface SiteTls {
  /**
   * Of type kubernetes.io/tls: `tls.crt` is the certificate with its chain, `tls.key` the key. Read in apply, never part of a plan; the
   * resourceVersion makes a renewal visible.
   */
  readonly secret: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  /** Plain HTTP is answered by a redirect to HTTPS, on all but the reserved paths. */
  readonly redirect: boolean;
}

export type NginxAction =
  | Action<'nginx', 'put-site', { readonly hostname: string; readonly site: Site }>
  /** Removes the record only while it still is `owner`'s. */
  | Action<'nginx', 'delete-site', { readonly hostname: string; readonly owner: string }>;
