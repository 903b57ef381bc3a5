import { posix } from 'node:path';
import { ownerId, type Driver } from '#runtime/drivers/driver.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import type { PhpFpmAction, PhpPool, PhpPools } from './model.ts';
import { planPools } from './plan.ts';
import { parsePool, poolNameOfFile, poolsDirectory, recordPath } from './pool-record.ts';
import { generationOf, isGenerationOf, type PhpWorld } from './pool-unit.ts';
import { inTurnOf, refuseMissingVersion, retireGenerations, runPool } from './run-pool.ts';

/** Every pool of a host by owner, then by name. Belongs to the loop; `advance` changes it in place. */
export type PoolsSnapshot = Map<string, Map<string, PhpPool>>;

const noPools: PhpPools = new Map();

/**
 * PHP pools as data. A pool that is wanted is a record that the waker starts a master from, on first use; only a change of a pool that is running
 * starts anything here.
 */
export const phpFpmDriver: Driver<'php-fpm', PoolsSnapshot, PhpPools, PhpFpmAction, PhpWorld> = {
  name: 'php-fpm',
  nothing: noPools,
  normalize: (desired) => desired,
  observe: (world, signal) => observePools(world.host, signal),
  advance: advancePools,
  of: (owner, snapshot) => snapshot.get(ownerId(owner)) ?? noPools,
  owners: (snapshot) => snapshot.keys(),
  plan: planPools,
  apply: applyPool,
  watchDrift: watchPools,
};

async function observePools(host: ReadOnlyHost, signal: AbortSignal): Promise<PoolsSnapshot> {
  const snapshot: PoolsSnapshot = new Map();
  for (const [file, text] of (await host.readTexts(poolsDirectory(host.root), signal)) ?? []) {
    const name = poolNameOfFile(file);
    const pool = parsePool(text);
    if (name !== undefined && pool !== undefined) put(snapshot, name, pool);
  }
  return snapshot;
}

function put(snapshot: PoolsSnapshot, name: string, pool: PhpPool): void {
  const own = snapshot.get(pool.owner);
  if (own === undefined) snapshot.set(pool.owner, new Map([[name, pool]]));
  else own.set(name, pool);
}

function advancePools(snapshot: PoolsSnapshot, done: readonly PhpFpmAction[]): PoolsSnapshot {
  for (const action of done) {
    const owner = ownerOf(action);
    const own = snapshot.get(owner);
    if (own?.delete(action.input.name) === true && own.size === 0) snapshot.delete(owner);
    if (action.op === 'put-pool') put(snapshot, action.input.name, action.input.pool);
  }
  return snapshot;
}

/** The owner stands in the subject, between the driver's part and the pool's name. */
function ownerOf(action: PhpFpmAction): string {
  return action.subject.slice('php-fpm/pool/'.length, -action.input.name.length - 1);
}

async function applyPool(action: PhpFpmAction, world: PhpWorld, signal: AbortSignal): Promise<void> {
  const { name } = action.input;
  await inTurnOf(world.host, name, async () => {
    if (action.op === 'put-pool') await putPool(name, action.input.pool, world, signal);
    else await deletePool(name, world.host, signal);
  });
}

async function putPool(name: string, pool: PhpPool, world: PhpWorld, signal: AbortSignal): Promise<void> {
  const { host } = world;
  await refuseMissingVersion(pool, host, signal);
  // Refuses a missing Secret now, not on the first visit.
  await generationOf(name, pool, world, signal);
  await host.makeDirectory(`${host.root}/run`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(poolsDirectory(host.root), { mode: 0o700, uid: 0, gid: 0 }, signal);
  const services = await host.services.list(signal);
  if (services.some((service) => service.running && isGenerationOf(name, service.name))) {
    await runPool(name, pool, world, signal);
  }
  // Last: the record is what we observe, so a master that could not be replaced leaves the pool to be put again.
  await host.replaceFile(recordPath(host.root, name), JSON.stringify(pool), { mode: 0o600, uid: 0, gid: 0 }, signal);
}

async function deletePool(name: string, host: Host, signal: AbortSignal): Promise<void> {
  const path = recordPath(host.root, name);
  const text = await host.readText(path, signal);
  const pool = text === undefined ? undefined : parsePool(text);
  await retireGenerations(name, host, undefined, signal);
  await host.removeTree(pool === undefined ? `${host.root}/run/php/${name}` : posix.dirname(pool.socket), signal);
  // Last, so that a crash before leaves the record to be deleted again.
  await host.removeFile(path, signal);
}

async function watchPools(
  world: PhpWorld,
  onDrift: (owners: readonly string[] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const { host } = world;
  await host.makeDirectory(`${host.root}/run`, { mode: 0o711, uid: 0, gid: 0 }, signal);
  await host.makeDirectory(poolsDirectory(host.root), { mode: 0o700, uid: 0, gid: 0 }, signal);
  await host.watchFiles(poolsDirectory(host.root), () => onDrift(undefined), signal, { flat: true });
}
