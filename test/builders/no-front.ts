import type { FrontProbes } from '#controllers/parts.ts';

/** A front that serves nothing. */
export const noFront: FrontProbes<unknown> = {
  site: () => Promise.resolve(undefined),
  challenge: () => Promise.resolve(false),
};
