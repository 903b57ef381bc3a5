export type { PhpFpmAction, PhpPool, PhpPools } from './model.ts';
export type { PhpWorld } from './pool-unit.ts';
export { phpFpmDriver, type PoolsSnapshot } from './php-fpm-driver.ts';
export { variablesOf, type VariableSources } from './variables.ts';
export { startWaker, type WakerOptions } from './waker.ts';
