import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

/** A disk of its own, in memory. */
export interface SmallDisk {
  readonly directory: string;
  /** Somebody else writes until nothing is left. */
  fill(): void;
  /** What they wrote is gone. */
  relieve(): void;
  close(): Promise<void>;
}

/** Mounts one. */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk> {
  const directory = mkdtempSync('/dev/shm/wcp360-test-');
  await run(['mount', '-t', 'tmpfs', '-o', `size=${String(bytes)},mode=0711`, 'tmpfs', directory]);
  const ballast = join(directory, 'ballast');
  return {
    directory,
    fill: () => {
      const { bavail, bsize } = statfsSync(directory);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    },
    relieve: () => rmSync(ballast, { force: true }),
    // Whoever still works there is stopped afterwards.
    close: async () => void (await run(['umount', '--lazy', directory])),
  };
}
