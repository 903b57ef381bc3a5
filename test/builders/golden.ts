import { readdirSync, readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { isRecord } from '#runtime/base/json.ts';
import { isPending, isRefused, type AnyController } from '#runtime/manager/controller.ts';
import { isTakenDown } from '#runtime/manager/plan-object.ts';
import { kinds } from '#schemas/index.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { aCache } from './cache.ts';
import { allIndexes, controllers } from './controllers.ts';
import { anObject, type Part } from './objects.ts';

/** One case: an object in a world, and what its controller makes of it. The name of the file is the name of the case. */
export interface GoldenCase {
  readonly name: string;
  readonly file: URL;
  readonly controller: string;
  readonly object: KubeObject;
  readonly world: readonly KubeObject[];
  readonly expected: unknown;
}

const root = new URL('../golden/', import.meta.url);

/** Folders under test/golden that hold cases of controllers, which are named like kinds. */
const folders = readdirSync(root, { withFileTypes: true })
  .filter(
    (entry) =>
      entry.isDirectory() && readdirSync(new URL(`${entry.name}/`, root)).some((name) => name.endsWith('.yaml')),
  )
  .map((entry) => entry.name);

/** All cases, in order of name. */
export function goldenCases(): readonly GoldenCase[] {
  return folders.toSorted().flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root))
      .filter((name) => name.endsWith('.yaml'))
      .toSorted()
      .map((name) => readCase(new URL(`${folder}/${name}`, root), `${folder}/${name.replace('.yaml', '')}`)),
  );
}

function readCase(file: URL, name: string): GoldenCase {
  const text = parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>;
  const object = text['object'] as KubeObject;
  const world = (text['world'] ?? []) as readonly KubeObject[];
  return { name, file, controller: String(text['controller']), object, world, expected: text['expected'] };
}

/** What the controller makes of the case: what it gathers, what it wants, and what it says when that stands. */
export function outcomeOf({ controller: name, object: manifest, world }: GoldenCase): unknown {
  const controller = controllers.get(name);
  if (controller === undefined) throw new Error(`there is no controller ${name}`);
  const object = complete(manifest);
  const cache = aCache([object, ...world.map(complete)], allIndexes);
  const gathered: unknown = controller.gather(object as never, cache);
  if (isPending(gathered)) return outcome(controller, object, { phase: 'pending', ...gathered.pending }, undefined);
  if (isRefused(gathered)) return outcome(controller, object, { phase: 'refused', ...gathered.refused }, undefined);
  return outcome(controller, object, { phase: 'synced' }, gathered);
}

function outcome(
  controller: AnyController<never>,
  object: KubeObject,
  phase: Readonly<Record<string, unknown>>,
  inputs: unknown,
): unknown {
  const deleting = isTakenDown({ controller }, object);
  const wanted: unknown =
    inputs === undefined && !deleting
      ? undefined
      : deleting
        ? (controller.afterDeletion?.(object as never, inputs as never) ?? 'nothing')
        : controller.desired(object as never, inputs as never);
  const status: unknown = controller.status(
    object as never,
    { inputs, outcome: phase, probes: [], observed: undefined, now: '2026-01-01T00:00:00Z' } as never,
  );
  return plain({
    ...(inputs === undefined ? { outcome: phase } : { inputs }),
    ...(wanted === undefined ? {} : { desired: wanted }),
    status,
  });
}

function complete(manifest: KubeObject): KubeObject {
  const kind = kinds.find((candidate) => candidate.kind === manifest.kind);
  return kind === undefined ? manifest : (anObject(kind, manifest as unknown as Part) as KubeObject);
}

/** Maps and sets as YAML shows them; fields that are undefined are left out. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, part]) => [String(key), plain(part)]));
  if (value instanceof Set) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([key, part]) => [key, plain(part)]),
  );
}

/** A case as it stands in its file, with its outcome: sorted keys, so that a change shows where it is. */
export function renderCase(golden: GoldenCase, expected: unknown): string {
  const { controller, object, world } = golden;
  return stringify(
    { controller, object, world, expected },
    { sortMapEntries: true, aliasDuplicateObjects: false, lineWidth: 0 },
  );
}
