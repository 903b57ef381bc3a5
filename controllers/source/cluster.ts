import { findCondition } from '#schemas/meta/conditions.ts';
import { parseDurationMs } from '#schemas/meta/duration.ts';
import { ANNOTATIONS, FINALIZERS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { sourceKind, type Source } from '#schemas/v1alpha1/source.ts';
import {
  defineController,
  type Outcome,
  type Pending,
  type Refused,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import type { ClusterParts, DriverOf } from '#controllers/parts.ts';
import { standingOf, type SourceOrder, type SourceReport, type SourceState } from './model.ts';
import { SOURCE_REASONS } from './reasons.ts';

export type SourceDrivers<W> = {
  readonly sources: DriverOf<SourceState, W>;
};

export interface SourceInputs {
  /** Epoch ms. */
  readonly now: number;
}

/** Looks wait for other servers most of their time. */
const concurrency = 16;

const crowded: Pending = {
  pending: { reason: 'Waiting', message: 'Other Sources of the namespace are looked at first.', retryAfterMs: 500 },
};

/** Applies what a directory or a repository holds, as an account of the Source's own namespace. Deleting a Source leaves what was applied from it. */
export function createSourceClusterController<W>({ sources, areSourcesCrowded, now }: ClusterParts<W>) {
  return defineController<typeof sourceKind, W, SourceDrivers<W>, SourceInputs>({
    name: 'source.cluster',
    kind: sourceKind,
    finalizer: FINALIZERS.cluster,
    concurrency,
    drivers: { sources },
    watches: [],
    gather: (source) => {
      const isCrowded = areSourcesCrowded(source.metadata.namespace ?? '');
      return refusalOf(source) ?? (isCrowded ? crowded : { now: now() });
    },
    desired: (source, inputs) => ({ sources: source.spec.suspend ? undefined : wantedOf(source, inputs) }),
    status: (source, { observed, outcome }) => sourceStatus(source, observed?.sources?.report, outcome),
    due: (source, time) => (source.spec.suspend ? undefined : time + intervalMsOf(source)),
  });
}

function refusalOf({ metadata, spec }: Source): Refused | undefined {
  if (spec.directory === undefined || metadata.namespace === SYSTEM_NAMESPACE) return undefined;
  return { refused: { reason: 'DirectoryNotAllowed', message: SOURCE_REASONS.DirectoryNotAllowed } };
}

function wantedOf(source: Source, { now }: SourceInputs): SourceState {
  return { order: orderOf(source), lookedAtMs: now - intervalMsOf(source) };
}

function orderOf({ metadata, spec }: Source): SourceOrder {
  const { git, directory, prune, serviceAccountName } = spec;
  const request = metadata.annotations?.[ANNOTATIONS.requestedAt];
  const confirmation = metadata.annotations?.[ANNOTATIONS.confirm];
  return {
    generation: metadata.generation ?? 0,
    prune,
    serviceAccountName,
    ...(git !== undefined && { git }),
    ...(directory !== undefined && { directory }),
    ...(request !== undefined && { request }),
    ...(confirmation !== undefined && { confirmation }),
  };
}

function intervalMsOf({ spec }: Source): number {
  return parseDurationMs(spec.interval) ?? 60_000;
}

function sourceStatus(
  source: Source,
  report: SourceReport | undefined,
  outcome: Outcome,
): StatusPatch<typeof sourceKind> | undefined {
  // It waits for its turn; what is so stays so.
  if (outcome.phase === 'pending') return undefined;
  if (report !== undefined) {
    const { reason, message, ...fields } = report;
    const status = reason === 'Applied' ? 'True' : 'False';
    return { fields, conditions: [{ type: 'Ready', status, reason, message }] };
  }
  const fields = standingOf(source);
  if (outcome.phase === 'synced' && source.spec.suspend) {
    const status = findCondition(source.status?.conditions, 'Ready')?.status ?? 'Unknown';
    const message = SOURCE_REASONS.Suspended;
    return { fields, conditions: [{ type: 'Ready', status, reason: 'Suspended', message }] };
  }
  const { reason, message } =
    'message' in outcome ? outcome : { reason: 'ApplyFailed', message: 'It is being looked at.' };
  return { fields, conditions: [{ type: 'Ready', status: 'False', reason, message }] };
}
