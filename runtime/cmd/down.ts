import { resolve } from 'node:path';
import { systemClock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { downConfig } from '#runtime/config/instance.ts';
import { isAlive } from '#runtime/host/local/supervisor/process-table.ts';
import type { ProgramArgs } from './flags.ts';
import { layoutOf } from './instance/layout.ts';
import { stopServices } from './instance/services.ts';
import { readSupervisor } from './instance/supervisor-record.ts';

const supervisorStopMs = 5_000;
const pollMs = 20;

/** `wcpd down`: the supervisor first, so that it starts nothing again, then every service by its record. The mount namespace goes with its last process. */
export async function runDown({ sources }: ProgramArgs): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new RefusedError('RootRequired', 'the instance runs as several users, so this needs root; try sudo');
  const { directory } = await loadConfig(downConfig, sources);
  const layout = layoutOf(resolve(directory));
  const supervisor = await readSupervisor(layout);
  if (supervisor !== undefined) {
    process.kill(supervisor.pid, 'SIGTERM');
    const giveUpAt = Date.now() + supervisorStopMs;
    while (isAlive(supervisor)) {
      if (Date.now() > giveUpAt) process.kill(supervisor.pid, 'SIGKILL');
      await systemClock.sleep(pollMs);
    }
  }
  const stopped: string[] = [];
  await stopServices(layout, (name) => stopped.push(name));
  console.log(
    `  ${'instance'.padEnd(22)} ${stopped.length === 0 ? 'was not running' : `stopped (${stopped.join(', ')})`}`,
  );
  return 0;
}
