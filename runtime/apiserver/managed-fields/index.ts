/** Field ownership and server-side apply: pure functions over objects; nothing here knows of requests or the store. */
export { applyConfiguration } from './apply-configuration.ts';
export type { Application } from './apply-configuration.ts';
export { trackUpdate } from './track-update.ts';
export type { TrackedUpdate } from './track-update.ts';
