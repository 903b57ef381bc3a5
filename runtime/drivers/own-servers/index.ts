export type { OwnServersWorld } from './model.ts';
export { ownServersDriver } from './own-servers-driver.ts';
