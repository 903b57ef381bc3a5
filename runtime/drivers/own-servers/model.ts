import type { ServerNetwork } from '#runtime/drivers/databases/model.ts';
import type { ServerKeyPair } from '#runtime/drivers/databases/server-host.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { Action } from '#runtime/plan/plan.ts';

export type OwnServerName = 'postgresql' | 'mariadb';

/** What is wanted of a server that a machine keeps for itself; plain data. */
export interface OwnServerSettings {
  /** Sessions at once, of all tenants together. Absent: as many as fit the machine. */
  readonly connections?: number;
  /** Absent: it is reached by its socket alone. */
  readonly network?: ServerNetwork & {
    /** Of type kubernetes.io/tls: what it is known by. Read in apply, never part of a plan; the resourceVersion makes a renewal visible. */
    readonly secret: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  };
}

/** Of each server; all have their defaults unless told. */
export type OwnServersState = Readonly<Partial<Record<OwnServerName, OwnServerSettings>>>;

/** The servers that this machine keeps for itself, as far as somebody else has a say in how they run. */
export interface OwnServersKeeper {
  /** As they were set last; without a network that could not be had when it was started. */
  settings(signal: AbortSignal): Promise<OwnServersState>;
  /**
   * From now on it runs so, started anew where that takes it; one that was not made yet, once it is. What it has stays, and it goes on as before where it cannot.
   * HostError then; PostponedError `PortTaken` where somebody else listens.
   */
  set(
    name: OwnServerName,
    wanted: { readonly settings: OwnServerSettings; readonly identity?: ServerKeyPair },
    signal: AbortSignal,
  ): Promise<void>;
  /** Tells when one runs in another way than it was set to, until the signal aborts. */
  follow(onChange: () => void, signal: AbortSignal): void;
}

export interface OwnServersWorld {
  readonly ownServers: OwnServersKeeper;
  readonly secrets: SecretReader;
}

export type OwnServersAction = Action<
  'own-servers',
  'set-server',
  { readonly name: OwnServerName; readonly settings: OwnServerSettings }
>;
