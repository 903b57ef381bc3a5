import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import { packagingDirectory } from './packaging-programs.ts';
import { run } from './run.ts';

/** The manifests of this checkout. */
export const manifests = join(import.meta.dirname, '../../manifests');

export const chart = join(manifests, 'charts/wcp360');

/** Ways to run on a Kubernetes: overlays, and the chart's modes. */
export const modes = ['operator', 'host-agent'] as const;

/** What `kustomize build` makes of a directory of manifests/. */
export async function kustomized(path: string): Promise<readonly KubeObject[]> {
  return objectsIn(await outputOf('kustomize', ['build', join(manifests, path)]));
}

/** What `helm template` makes of the chart. Rejects with Helm's words where it refuses. */
export async function helmed(
  values: Readonly<Record<string, unknown>>,
  flags: readonly string[] = [],
): Promise<readonly KubeObject[]> {
  const settings = Object.entries(values).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ]);
  return objectsIn(await outputOf('helm', ['template', 'wcp360', chart, '--include-crds', ...settings, ...flags]));
}

/** The path of a program that is built for the tests. */
export function packagingProgram(name: 'kustomize' | 'helm'): string {
  return join(packagingDirectory() ?? '', name);
}

async function outputOf(name: 'kustomize' | 'helm', argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run([packagingProgram(name), ...argv]);
  if (exitCode !== 0) throw new Error(`${name}: ${stderr}`);
  return stdout;
}

/** By kind, namespace and name; documents without an object left out. */
function objectsIn(text: string): readonly KubeObject[] {
  return [...parseAllDocuments(text)]
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}
