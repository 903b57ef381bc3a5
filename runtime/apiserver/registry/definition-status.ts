import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { required, Wcp360Error } from '#runtime/base/errors.ts';
import type { Operations } from '#runtime/apiserver/operations.ts';
import type { WatchCache } from '#runtime/storage/cache.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { conditionsOf, definitionCollection, hasCondition, specOf, type DefinitionNames } from './definition.ts';

export interface DefinitionStatusOptions {
  readonly operations: Operations;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const retryMs = 500;

/**
 * Accepts the names of CustomResourceDefinitions and says so in their status (conditions NamesAccepted and Established, `acceptedNames`).
 * The first definition of a group to have a name keeps it; another one waits until the name is free. Looks at all definitions
 * whenever one changes: they are few. Resolves when the signal aborts.
 */
export async function keepDefinitionStatus(options: DefinitionStatusOptions): Promise<void> {
  const { cache, clock, log, signal } = options;
  await cache.ready;
  while (!signal.aborted) {
    try {
      await judgeFrom(options, cache.revision);
    } catch (err) {
      if (signal.aborted) return;
      if (!(err instanceof Wcp360Error)) throw err;
      log.warn({ err }, 'status of definitions could not be written and is tried again');
    }
    await clock.sleep(retryMs, signal).catch(() => undefined);
  }
}

/** Judges what is there, then whatever changes after revision `start`. */
async function judgeFrom(options: DefinitionStatusOptions, start: number): Promise<void> {
  await judgeAll(options);
  for await (const batch of options.cache.subscribe(definitionCollection, start, options.signal)) {
    if (batch.events.length > 0) await judgeAll(options);
  }
}

async function judgeAll({ operations, cache, clock }: DefinitionStatusOptions): Promise<void> {
  const resource = required(
    operations.resource('apiextensions.k8s.io', 'customresourcedefinitions'),
    'the resource of definitions',
  );
  const definitions = Array.from(cache.list(definitionCollection), ({ object }) => object);
  for (const definition of definitions) {
    if (withStatus(definition, definitions, clock.now()) === undefined) continue;
    const key = { namespace: '', name: definition.metadata.name };
    await operations.mutate(resource, key, (live) => withStatus(live, definitions, clock.now()), {
      subresource: 'status',
    });
  }
}

/** The definition with the status that it should have; undefined when it has it. */
function withStatus(definition: KubeObject, all: readonly KubeObject[], nowMs: number): KubeObject | undefined {
  const spec = specOf(definition);
  if (spec === undefined) return undefined;
  const others = all.filter(
    (other) => other.metadata.name !== definition.metadata.name && specOf(other)?.group === spec.group,
  );
  const clash = clashOf(spec.names, others.map(acceptedNamesOf));
  const accepted = clash === undefined;
  const established = accepted || hasCondition(definition, 'Established');
  const now = rfc3339(nowMs);
  const conditions = [
    ...merged(definition, [
      accepted
        ? {
            type: 'NamesAccepted',
            status: 'True',
            reason: 'NoConflicts',
            message: 'no conflicts found',
            lastTransitionTime: now,
          }
        : { type: 'NamesAccepted', status: 'False', ...clash, lastTransitionTime: now },
      established
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
            lastTransitionTime: now,
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
            lastTransitionTime: now,
          },
    ]),
  ];
  const status = isRecord(definition['status']) ? definition['status'] : {};
  const names = accepted ? withDefaultNames(spec.names) : (status['acceptedNames'] ?? { plural: '', kind: '' });
  const next = { ...status, conditions, acceptedNames: names };
  return isEqual(next, status) ? undefined : { ...definition, status: next };
}

/** Conditions whose status stays keep their time. */
function merged(definition: KubeObject, wanted: readonly Condition[]): readonly Condition[] {
  const present = conditionsOf(definition);
  const kept = present.filter(({ type }) => wanted.every((condition) => condition.type !== type));
  const next = wanted.map((condition) => {
    const before = present.find(({ type }) => type === condition.type);
    return before?.status === condition.status
      ? { ...condition, lastTransitionTime: before.lastTransitionTime }
      : condition;
  });
  return [...next, ...kept];
}

function withDefaultNames(names: DefinitionNames): DefinitionNames {
  return {
    ...names,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
  };
}

function acceptedNamesOf(definition: KubeObject): Partial<DefinitionNames> {
  const status = definition['status'];
  const names: unknown = isRecord(status) ? status['acceptedNames'] : undefined;
  return isRecord(names) ? (names as Partial<DefinitionNames>) : {};
}

interface Clash {
  readonly reason: string;
  readonly message: string;
}

function clashOf(names: DefinitionNames, others: readonly Partial<DefinitionNames>[]): Clash | undefined {
  const { plural, singular, kind, listKind, shortNames = [] } = withDefaultNames(names);
  const resources = new Set(others.flatMap((other) => [other.plural, other.singular, ...(other.shortNames ?? [])]));
  const kinds = new Set(others.flatMap((other) => [other.kind, other.listKind]));
  const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`;
  if (resources.has(plural)) return { reason: 'PluralConflict', message: inUse(plural) };
  if (singular !== undefined && resources.has(singular))
    return { reason: 'SingularConflict', message: inUse(singular) };
  const short = shortNames.find((name) => resources.has(name));
  if (short !== undefined) return { reason: 'ShortNamesConflict', message: inUse(short) };
  if (kinds.has(kind)) return { reason: 'KindConflict', message: inUse(kind) };
  if (listKind !== undefined && kinds.has(listKind)) return { reason: 'ListKindConflict', message: inUse(listKind) };
  return undefined;
}
