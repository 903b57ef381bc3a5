import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Ended } from './run.ts';

const mmdebstrap = '/usr/bin/mmdebstrap';

/** Why another release cannot be had. */
export const noOtherDebian = existsSync(mmdebstrap) ? false : 'mmdebstrap is not installed';

/** What programs of our own and of the tests are run with, wherever they are. */
const base = 'bash,bubblewrap,coreutils,iproute2,libc-bin,libstdc++6,mount,openssl,perl,procps,util-linux';

/** Another release of Debian in the place of this machine's programs; all else is this machine. */
export interface OtherDebian {
  /** Runs a program to its end. */
  run(argv: readonly string[]): Promise<Ended>;
}

/** Gets the packages of a release, with what they need, into an empty directory. None is set up. */
export async function openDebian(
  release: string,
  packages: readonly string[],
  directory: string,
): Promise<OtherDebian> {
  const root = join(directory, release);
  const include = `--include=${[base, ...packages].join(',')}`;
  const made = await run([mmdebstrap, '--quiet', '--mode=root', '--variant=extract', include, release, root]);
  if (made.exitCode !== 0) throw new Error(`Debian ${release} was not made: ${made.stderr}`);
  const place = `--bind / / --dev-bind /dev /dev --bind /proc /proc --ro-bind ${root}/usr /usr --die-with-parent`;
  return { run: async (argv) => await run(['/usr/bin/bwrap', ...place.split(' '), '--', ...argv]) };
}
