import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A Go module of ours that names programs of others, and their versions, as tools. `hack/kubernetes.ts` builds them. */
export interface GoModule {
  /** Of go.mod and go.sum. */
  readonly directory: string;
  /** What the programs are for: `kubernetes`. */
  readonly name: string;
  /** Program → package. */
  readonly programs: Readonly<Record<string, string>>;
  /** File → where it stands in which module: what others publish beside their sources. */
  readonly files: Readonly<Record<string, { readonly module: string; readonly path: string }>>;
  /** The module whose version the programs tell, and the package whose variables hold it. */
  readonly version?: { readonly of: string; readonly package: string };
}

/** Where what a module names is put: outside of the checkout, by the hash of what it is built from. */
export function cacheOf({ directory, name }: GoModule): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(directory, file)));
  return join(cache, 'wcp360', `${name}-${hash.digest('hex').slice(0, 16)}`);
}

/** Whether everything that the module names stands in the directory. */
export function hasAll(directory: string, { programs, files }: GoModule): boolean {
  return [...Object.keys(programs), ...Object.keys(files)].every(
    (name) => statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined,
  );
}
