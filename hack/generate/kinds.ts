import { readdirSync } from 'node:fs';
import type { KindDefinition } from '#schemas/meta/kind.ts';

/** A kind and where it stands. */
export interface FoundKind {
  /** `domain`, as in schemas/v1alpha1/domain.ts. */
  readonly file: string;
  /** `domainKind` */
  readonly exportName: string;
  readonly version: string;
  readonly kind: KindDefinition;
}

/** All kinds of all versions, in order of file name. */
export async function findKinds(root: URL): Promise<readonly FoundKind[]> {
  const found: FoundKind[] = [];
  const versions = readdirSync(new URL('schemas/', root))
    .filter((name) => /^v\d/.test(name))
    .toSorted();
  for (const version of versions) {
    const directory = new URL(`schemas/${version}/`, root);
    for (const name of readdirSync(directory).toSorted()) {
      const module = (await import(new URL(name, directory).href)) as Readonly<Record<string, unknown>>;
      const [exportName, kind] = Object.entries(module).find(([key]) => key.endsWith('Kind')) ?? [];
      if (exportName === undefined) continue;
      found.push({ file: name.replace(/\.ts$/, ''), exportName, version, kind: kind as KindDefinition });
    }
  }
  return found;
}
