import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { databaseServerKind, type DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { OwnServerSettings } from '#runtime/drivers/own-servers/model.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Engine } from '#controllers/database-names.ts';
import { defined } from '#controllers/whereabouts.ts';

// A host has one server of an engine for itself, however many DatabaseServers speak of it: what the first by name says counts.

type Managed = NonNullable<DatabaseServer['spec']['managed']>;

/** The network of a host's own server, as it is declared, once its certificate is known and the host may read it. */
export interface OwnNetwork {
  readonly settings: NonNullable<OwnServerSettings['network']>;
  /** By which clients know it; absent: by those that their systems trust. */
  readonly caBundle?: string;
}

export function ownNetworkOf(hostName: string, engine: Engine, cache: Cache): OwnNetwork | undefined {
  const declared = managedServers(engine, cache).find(({ spec }) => spec.managed?.network !== undefined);
  const { hosts = [], certificateVersion } = declared?.status ?? {};
  const network = declared?.spec.managed?.network;
  if (network === undefined || certificateVersion === undefined || !hosts.includes(hostName)) return undefined;
  return networkOf(network, certificateVersion);
}

function networkOf({ addresses, tls }: NonNullable<Managed['network']>, resourceVersion: string): OwnNetwork {
  const secret = { namespace: SYSTEM_NAMESPACE, name: tls.secretRef.name, resourceVersion };
  return { settings: { addresses, secret }, ...defined({ caBundle: tls.caBundle }) };
}

/** How a host's own server is to run. */
export function ownSettingsOf(hostName: string, engine: Engine, cache: Cache): OwnServerSettings {
  const limited = managedServers(engine, cache).find(({ spec }) => spec.limits.connections !== undefined);
  const network = ownNetworkOf(hostName, engine, cache)?.settings;
  return defined({ connections: limited?.spec.limits.connections, network });
}

/** In order of name. */
function managedServers(engine: Engine, cache: Cache): readonly DatabaseServer[] {
  return cache
    .list(databaseServerKind)
    .filter(({ spec }) => spec.engine === engine && spec.managed !== undefined)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
