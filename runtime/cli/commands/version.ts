import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';

/** The version of this program; package.json says the same (tested). */
export const clientVersion = '0.1.0';

export interface VersionOptions {
  readonly client?: boolean;
  readonly output?: string;
}

/** `wcpctl version`: of this program and, unless `--client`, of the server. */
export async function version(session: Session, options: VersionOptions): Promise<void> {
  const serverVersion = options.client === true ? undefined : await readServerVersion(session);
  if (options.output === 'json') {
    session.io.out(
      `${JSON.stringify({ clientVersion: { gitVersion: `v${clientVersion}` }, ...(serverVersion !== undefined && { serverVersion }) }, undefined, 2)}\n`,
    );
    return;
  }
  if (options.output !== undefined) throw new UsageError('--output must be json');
  session.io.out(`Client Version: v${clientVersion}\n`);
  if (serverVersion !== undefined) session.io.out(`Server Version: ${serverVersion.gitVersion}\n`);
}

async function readServerVersion(session: Session): Promise<{ readonly gitVersion: string }> {
  const answer = await (await session.client()).raw('GET', '/version', { signal: session.io.signal });
  return JSON.parse(answer.body) as { readonly gitVersion: string };
}
