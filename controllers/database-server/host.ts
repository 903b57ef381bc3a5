import { databaseServerKind } from '#schemas/v1alpha1/database-server.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import type { OwnServersState } from '#runtime/drivers/own-servers/model.ts';
import { defineController, type Outcome, type StatusPatch } from '#runtime/manager/controller.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { ownSettingsOf } from './own-servers.ts';

export type OwnServersDrivers<W> = { readonly ownServers: DriverOf<OwnServersState, W> };

/** How the database servers run that a host keeps for itself: what managed DatabaseServers say of them, together. */
export function createDatabaseServerHostController<W extends HostWorld>({ hostName, ownServers }: HostParts<W>) {
  return defineController<typeof hostKind, W, OwnServersDrivers<W>, Required<OwnServersState>>({
    name: 'database-server.host',
    kind: hostKind,
    drivers: { ownServers },
    watches: [{ kind: databaseServerKind, keysOf: () => [{ name: hostName }] }],
    concerns: ({ metadata }) => metadata.name === hostName,
    gather: (_host, cache) => ({
      postgresql: ownSettingsOf(hostName, 'PostgreSQL', cache),
      mariadb: ownSettingsOf(hostName, 'MariaDB', cache),
    }),
    desired: (_host, inputs) => ({ ownServers: inputs }),
    status: (_host, { inputs, outcome }) => networksStatus(inputs, outcome),
  });
}

/** Only there while one is to be reached over the network. */
function networksStatus(inputs: OwnServersState | undefined, outcome: Outcome): StatusPatch<typeof hostKind> {
  const isWanted = Object.values(inputs ?? {}).some(({ network }) => network !== undefined);
  if (!isWanted) return { fields: {}, conditions: [] };
  const type = 'DatabasesReachable';
  if ('message' in outcome)
    return { fields: {}, conditions: [{ type, status: 'False', reason: outcome.reason, message: outcome.message }] };
  const message = 'Its database servers are reached over the network, as DatabaseServers say.';
  return { fields: {}, conditions: [{ type, status: 'True', reason: 'Listening', message }] };
}
