/** How a server is recognised and how we show who we are, for one connection. */
export interface TlsMaterial {
  /** PEM; the system's authorities when absent. */
  readonly ca?: string | undefined;
  /** PEM, with `key`. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Checked against the server's certificate instead of the URL's host. */
  readonly serverName?: string | undefined;
  /** From `insecure-skip-tls-verify` in a kubeconfig that a person wrote; or to fetch, as nobody, what is checked by itself. */
  readonly skipVerify?: boolean | undefined;
}

/** What one request needs. The same `tls` object again means that connections made with it can be used again. */
export interface CurrentCredentials {
  readonly tls: TlsMaterial;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Who we are, as of now: files and tokens rotate while we run.
 * `current` is asked before every request and answers from memory for a minute; `expire` (after a 401) makes it look again.
 * Errors: HostError when a file or a plugin cannot be read.
 */
export interface Credentials {
  current(): CurrentCredentials | Promise<CurrentCredentials>;
  expire(): void;
}

export interface StaticCredentialsOptions extends TlsMaterial {
  readonly token?: string | undefined;
  /** Further headers, such as `Impersonate-User`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Credentials that never change. */
export function staticCredentials(options: StaticCredentialsOptions = {}): Credentials {
  const { token, headers = {}, ...tls } = options;
  const current = {
    tls,
    headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
  };
  return { current: () => current, expire: () => undefined };
}

/**
 * Credentials that are made by `load` and kept for `maxAgeMs` (a minute, as client-go re-reads token files).
 * When the material is the same as before, the same object is given, so that connections stay.
 */
export function reloadedCredentials(
  load: () => Promise<CurrentCredentials>,
  options: { readonly now: () => number; readonly maxAgeMs?: number },
): Credentials {
  const maxAgeMs = options.maxAgeMs ?? 60_000;
  let kept: { readonly value: CurrentCredentials; readonly atMs: number } | undefined;
  let loading: Promise<CurrentCredentials> | undefined;
  const reload = async (): Promise<CurrentCredentials> => {
    try {
      const loaded = await load();
      const value = { headers: loaded.headers, tls: sameTls(kept?.value.tls, loaded.tls) };
      kept = { value, atMs: options.now() };
      return value;
    } finally {
      loading = undefined;
    }
  };
  return {
    current: () => {
      if (kept !== undefined && options.now() - kept.atMs < maxAgeMs) return kept.value;
      loading ??= reload();
      return loading;
    },
    expire: () => {
      if (kept !== undefined) kept = { value: kept.value, atMs: Number.NEGATIVE_INFINITY };
    },
  };
}

function sameTls(before: TlsMaterial | undefined, now: TlsMaterial): TlsMaterial {
  const same =
    before !== undefined &&
    before.ca === now.ca &&
    before.cert === now.cert &&
    before.key === now.key &&
    before.serverName === now.serverName &&
    before.skipVerify === now.skipVerify;
  return same ? before : now;
}
