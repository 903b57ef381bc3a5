import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { discover } from '#runtime/client/discovery.ts';
import { createRestMapper, type RestMapper } from './api/rest-mapper.ts';
import type { Io } from './io.ts';

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly requestTimeout?: string;
}

/** One run of wcpctl against one server. Everything is opened on first use, so that commands which need no server start none. */
export interface Session {
  readonly io: Io;
  /** The namespace of `-n`, else of the kubeconfig's context, else `default`. */
  namespace(): Promise<string>;
  client(): Promise<Client>;
  mapper(): Promise<RestMapper>;
  /** The kubeconfig's server, cluster CA and context, for making another kubeconfig. */
  cluster(): Promise<{ readonly server: string; readonly certificateAuthority: string | undefined }>;
  close(): Promise<void>;
}

/** A session that opens nothing until asked. */
export function openSession(io: Io, flags: GlobalFlags): Session {
  const kubeconfig = once(() =>
    loadKubeconfig({
      ...(flags.kubeconfig !== undefined && { path: flags.kubeconfig }),
      ...(flags.context !== undefined && { context: flags.context }),
      env: io.env,
    }),
  );
  const client = once(async () =>
    createClient({
      ...(await kubeconfig()),
      userAgent: 'wcpctl',
      ...(flags.as !== undefined && { impersonate: { user: flags.as, groups: flags.asGroup ?? [] } }),
    }),
  );
  return {
    io,
    namespace: async () => flags.namespace ?? (await kubeconfig()).namespace ?? 'default',
    client,
    mapper: once(async () => createRestMapper(await discover(await client(), io.signal))),
    cluster: async () => {
      const { server, certificateAuthority } = await kubeconfig();
      return { server, certificateAuthority };
    },
    close: async () => {
      if (client.begun()) await (await client()).close();
    },
  };
}

/** Calls `make` at most once, and remembers its promise. */
function once<T>(make: () => Promise<T>): (() => Promise<T>) & { begun(): boolean } {
  let made: Promise<T> | undefined;
  return Object.assign(() => (made ??= make()), { begun: () => made !== undefined });
}
