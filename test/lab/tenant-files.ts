import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type Ended } from './run.ts';

/** What tenants do with their own files, outside of any sandbox. */
export interface TenantFiles {
  /** The uid of a placed tenant. */
  uidOf(tenant: string): Promise<number>;
  /** Puts a file below a tenant's own directory, as the tenant would. */
  place(tenant: string, path: string, text: string): Promise<void>;
  /** Makes a link below a tenant's own directory, as the tenant would; what had the name is replaced. */
  link(tenant: string, path: string, target: string): Promise<void>;
  /** Runs a program as a tenant. */
  runAs(tenant: string, argv: readonly string[], input?: string): Promise<Ended>;
}

/** The tenants of a host whose root is `directory`. */
export function tenantFiles(directory: string): TenantFiles {
  const pathOf = (tenant: string, path: string): string => join(directory, 'tenants', tenant, path);
  const uidOf = async (tenant: string): Promise<number> => (await stat(pathOf(tenant, 'tmp'))).uid;
  const runAs = async (tenant: string, argv: readonly string[], input?: string): Promise<Ended> => {
    const uid = await uidOf(tenant);
    const asTenant = ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--no-new-privs', '--'];
    return run([...asTenant, ...argv], input === undefined ? {} : { input });
  };
  const succeed = async (tenant: string, argv: readonly string[], input?: string): Promise<void> => {
    const ended = await runAs(tenant, argv, input);
    if (ended.exitCode !== 0) throw new Error(`${argv.join(' ')} failed: ${ended.stderr}`);
  };
  return {
    uidOf,
    runAs,
    place: async (tenant, path, text) => {
      const script = 'mkdir -p -- "${1%/*}" && rm -f -- "$1" && cat > "$1"';
      await succeed(tenant, ['/bin/sh', '-c', script, 'place', pathOf(tenant, path)], text);
    },
    link: (tenant, path, target) => succeed(tenant, ['/bin/ln', '-sfn', '--', target, pathOf(tenant, path)]),
  };
}
