import { createTwoFilesPatch } from 'diff';
import { stringify } from 'yaml';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { renderPlan } from '#runtime/plan/render.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { Client } from '#runtime/client/client.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import { loadManifests } from '#runtime/cli/manifests/load.ts';
import { sessionTargets } from '#runtime/cli/manifests/session-targets.ts';
import { dryRunOne, liveOf } from '#runtime/manifests/apply.ts';
import { subjectOf, type Target } from '#runtime/manifests/target.ts';
import { writerOf, type WriterOptions } from './writer.ts';
import type { Session } from '#runtime/cli/session.ts';

export interface DiffOptions extends WriterOptions {
  readonly filename: readonly string[];
  readonly recursive?: boolean;
  /** False: only the objects, without asking what hosts would do. */
  readonly hostActions?: boolean;
}

interface PlanRequestStatus {
  /** Complete=True: everybody concerned has answered. */
  readonly conditions?: readonly Condition[];
  readonly plans?: readonly { readonly by: string; readonly actions?: readonly Action[]; readonly message?: string }[];
}

const planTimeoutMs = 10_000;
const planPollMs = 50;

/** `wcpctl diff`: what an apply would change in the objects, and what controllers and hosts would do about it. Exit code 1 when there is a difference. */
export async function diff(session: Session, options: DiffOptions): Promise<void> {
  const manifests = await loadManifests(session.io, options.filename, { recursive: options.recursive ?? false });
  const targets = await sessionTargets(session, manifests);
  const client = await session.client();
  let isDifferent = false;
  for (const target of targets) {
    const text = await diffOne(session, client, { target, options });
    if (text === '') continue;
    isDifferent = true;
    session.io.out(text);
  }
  if (isDifferent) throw new ExitCode(1);
}

async function diffOne(
  session: Session,
  client: Client,
  { target, options }: { readonly target: Target; readonly options: DiffOptions },
): Promise<string> {
  const before = await liveOf(client, target);
  const after = await dryRunOne(client, target, writerOf(options));
  if (after === undefined)
    return `${subjectOf(target)}: created, in a namespace or of a kind that these files bring; what hosts would do can be told once it exists.\n`;
  const changes = objectDiff(subjectOf(target), before, after);
  const plans = options.hostActions === false ? '' : await plansFor(session, client, { target, after });
  return `${changes}${plans}`;
}

function objectDiff(subject: string, before: KubeObject | undefined, after: KubeObject): string {
  const from = before === undefined ? '' : readable(before);
  const to = readable(after);
  return from === to
    ? ''
    : createTwoFilesPatch(`live ${subject}`, `applied ${subject}`, from, to, undefined, undefined, { context: 3 });
}

/** The object without what every write changes; values of Secrets are masked. */
function readable(object: KubeObject): string {
  const {
    managedFields: _fields,
    resourceVersion: _version,
    generation: _generation,
    uid: _uid,
    creationTimestamp: _created,
    ...metadata
  } = object.metadata;
  const { status: _status, ...rest } = object;
  return stringify(
    { ...rest, metadata, ...(object.kind === 'Secret' && { data: mask(object['data']) }) },
    { lineWidth: 0, sortMapEntries: true },
  );
}

function mask(values: unknown): unknown {
  return values === undefined
    ? undefined
    : Object.fromEntries(Object.keys(values as object).map((key) => [key, '(secret)']));
}

/** Asks the leader and the host concerned by a PlanRequest that is deleted afterwards; kinds without one answer with nothing. */
async function plansFor(
  session: Session,
  client: Client,
  { target, after }: { readonly target: Target; readonly after: KubeObject },
): Promise<string> {
  const requests = (await session.mapper()).ofKind('hosting.wcp360.io/v1alpha1', 'PlanRequest');
  if (requests === undefined || target.type.group !== requests.group) return '';
  const namespace = after.metadata.namespace ?? 'wcp360-system';
  const request = await client.create(requests, {
    apiVersion: 'hosting.wcp360.io/v1alpha1',
    kind: 'PlanRequest',
    metadata: { name: '', generateName: 'diff-', namespace },
    spec: { timeToLive: '1m', object: withoutServerFields(after) },
  });
  try {
    const status = await awaitPlans(session, () => client.get(requests, { name: request.metadata.name, namespace }));
    return formatPlans(subjectOf(target), status);
  } finally {
    await client.delete(requests, { name: request.metadata.name, namespace });
  }
}

function withoutServerFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

async function awaitPlans(session: Session, read: () => Promise<KubeObject | undefined>): Promise<PlanRequestStatus> {
  const giveUpAt = Date.now() + planTimeoutMs;
  for (;;) {
    const status = ((await read())?.['status'] ?? {}) as PlanRequestStatus;
    if (isComplete(status) || Date.now() > giveUpAt || session.io.signal.aborted) return status;
    await new Promise((resolve) => setTimeout(resolve, planPollMs));
  }
}

function isComplete({ conditions = [] }: PlanRequestStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
}

function formatPlans(subject: string, status: PlanRequestStatus): string {
  const answers = (status.plans ?? []).flatMap(({ by, actions = [], message }) => {
    if (actions.length > 0) return [`# ${subject}: ${by} would carry out\n${renderPlan({ actions })}`];
    return message === undefined || message === '' ? [] : [`# ${subject}: ${by}: ${message}\n`];
  });
  const silence = isComplete(status)
    ? ''
    : `# ${subject}: not every controller has answered; is the instance running?\n`;
  return answers.join('') + silence;
}
