import { fileURLToPath } from 'node:url';

/** The front's key channel, to be run by Node: beside this module, among the sources as in the bundle. */
export const keyProgram = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './keys.ts' : './keys.mjs', import.meta.url),
);
