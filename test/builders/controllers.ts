import { createClusterControllers, createHostControllers } from '#controllers/index.ts';
import { createClusterParts } from '#controllers/cluster-parts.ts';
import { noTools } from '#test/builders/source-tools.ts';
import { noFront } from '#test/builders/no-front.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';
import { HostError } from '#runtime/base/errors.ts';
import { noDatabases } from '#runtime/drivers/databases/model.ts';
import type { AnyController } from '#runtime/manager/controller.ts';
import type { CacheIndex } from '#runtime/manager/cache.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';

/** A driver of the machine of which only the empty state matters: what it does is tested beside it. */
function silent<State>(name: string, nothing: State): DriverOf<State, HostWorld> {
  return {
    name,
    nothing,
    normalize: (desired) => desired,
    observe: () => Promise.resolve(undefined),
    of: () => nothing,
    plan: () => [],
    apply: () => Promise.resolve(),
  };
}

/** Parts for host web1; `now` is the start of 2026. */
export const hostParts: HostParts<HostWorld> = {
  hostName: 'web1',
  accounts: silent('accounts', new Map()),
  slices: silent('slices', new Map()),
  tree: silent('tree', { directories: new Map(), kept: new Map() }),
  phpFpm: silent('php-fpm', new Map()),
  nginx: silent('nginx', new Map()),
  powerdns: silent('powerdns', new Map()),
  databases: { PostgreSQL: silent('postgresql', noDatabases), MariaDB: silent('mariadb', noDatabases) },
  ownServers: silent('own-servers', {}),
  databaseSizeOf: () => undefined,
  serverVersionOf: () => undefined,
  askNameServer: () => Promise.reject(new HostError('nobody answers')),
  shells: silent('shells', 'Free'),
  copies: silent('copies', { pass: 'None' }),
  copyOf: () => undefined,
  challenges: silent('challenges', new Map()),
  front: noFront,
};

/** All controllers by name: `domain.host`, `tenant.cluster`, … */
// oxlint-disable-next-line typescript/no-explicit-any -- controllers of both worlds in one map
export const controllers: ReadonlyMap<string, AnyController<any>> = new Map(
  [...createClusterControllers(createClusterParts(noTools)), ...createHostControllers(hostParts)].map((controller) => [
    controller.name,
    controller,
  ]),
);

interface Reading {
  readonly reads?: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[];
}

/** Every index that controllers and their drivers look things up by. */
export const allIndexes: readonly { readonly kind: KindDefinition; readonly index: CacheIndex }[] = [
  ...controllers.values(),
].flatMap((controller) => [
  ...(controller.indexes ?? []),
  ...Object.values(controller.drivers as Readonly<Record<string, Reading>>).flatMap((driver) => driver.reads ?? []),
]);
