import {
  agentConfig,
  controllerConfig,
  defineConfig,
  joinConfig,
  prepareConfig,
  serverConfig,
} from '#runtime/config/programs.ts';
import { downConfig, upConfig } from '#runtime/config/instance.ts';
import type { Program } from './flags.ts';

/** All of wcpd. */
export const programs: Readonly<Record<string, Program>> = {
  up: { config: upConfig, load: async () => (await import('./up.ts')).runUp },
  down: { config: downConfig, load: async () => (await import('./down.ts')).runDown },
  supervise: { config: upConfig, load: async () => (await import('./supervise.ts')).runSupervise },
  join: { config: joinConfig, load: async () => (await import('./join.ts')).runJoin },
  prepare: { config: prepareConfig, load: async () => (await import('./prepare.ts')).runPrepare },
  define: { config: defineConfig, load: async () => (await import('./define.ts')).runDefine },
  server: { config: serverConfig, load: async () => (await import('./server.ts')).runServer },
  controller: { config: controllerConfig, load: async () => (await import('./controller.ts')).runController },
  agent: { config: agentConfig, load: async () => (await import('./agent.ts')).runAgent },
};
