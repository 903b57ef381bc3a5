import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain, domainKind } from '#schemas/v1alpha1/domain.ts';
import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Outcome, ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf, failureMessage } from '#controllers/attempts.ts';
import { driftedOf } from '#controllers/drifted.ts';
import type { DomainHostInputs, Problem } from './inputs.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** The part of the loop's answer that the status of a Domain is made from. */
export interface DomainStatusInput {
  readonly inputs: DomainHostInputs | undefined;
  readonly outcome: Outcome;
  readonly probes: readonly ProbeResult[];
}

/** What the agent says: Ready, Served, Drifted and Suspended, and where things are. Ready only when a look from outside agreed. */
export function domainHostStatus(domain: Domain, input: DomainStatusInput): StatusPatch<typeof domainKind> {
  const served = servedOf(domain, input);
  return {
    fields: {
      ...placesOf(domain, input.inputs),
      ...shownOf(domain, input),
      ...(isReadOnly(input) ? { readOnly: true } : {}),
      ...attemptsOf(input.outcome),
    },
    conditions: [
      readyOf(served, input),
      { ...served, type: 'Served' },
      ...driftedOf(input.outcome),
      suspendedOf(domain, input.inputs),
    ],
  };
}

/** What was shown last is told until somebody has looked again. */
function shownOf({ status }: Domain, { probes }: DomainStatusInput): StatusPatch<typeof domainKind>['fields'] {
  const found = probes.find((probe) => probe.found !== undefined)?.found;
  const shownSerialNumber = probes.length === 0 ? status?.shownSerialNumber : found;
  return shownSerialNumber === undefined ? {} : { shownSerialNumber };
}

/** Known only when all that was wanted stands. */
function isReadOnly({ inputs, outcome }: DomainStatusInput): boolean {
  return inputs?.isStill === true && outcome.phase === 'synced';
}

function placesOf(domain: Domain, inputs: DomainHostInputs | undefined): StatusPatch<typeof domainKind>['fields'] {
  return {
    ...(inputs === undefined
      ? {}
      : { directory: `${inputs.root}/${domainDirectory(inputs.tenant, domain.metadata.name)}` }),
    ...(inputs?.php === undefined ? {} : { phpVersion: inputs.php.version }),
  };
}

/** Whether visitors get what is declared; one table from what happened to a condition. */
export function servedOf(domain: Domain, input: DomainStatusInput): Statement {
  const { inputs, outcome } = input;
  if (domain.metadata.deletionTimestamp !== undefined) return notServed('Deleting', 'The site is being taken down.');
  switch (outcome.phase) {
    case 'pending':
    case 'refused':
      return notServed(outcome.reason, outcome.message);
    case 'failed':
      return notServed('ApplyFailed', failureMessage(outcome));
    case 'drifted':
    case 'synced':
      return inputs?.problem === undefined ? probedOf(input) : problemOf(inputs.problem);
  }
}

function probedOf(input: DomainStatusInput): Statement {
  const failed = input.probes.find((probe) => !probe.ok);
  if (failed !== undefined) return notServed(failed.reason, failed.message);
  if (input.inputs?.suspendedFor !== undefined) {
    return {
      type: 'Served',
      status: 'False',
      reason: 'Suspended',
      message: `Visitors get a notice: ${input.inputs.suspendedFor}`,
    };
  }
  if (input.inputs === undefined || input.inputs.names.length === 0) {
    const { reason = 'Claiming', message = 'No name is bound yet.' } = input.inputs?.unclaimed ?? {};
    return notServed(reason, message);
  }
  return {
    type: 'Served',
    status: 'True',
    reason: 'Serving',
    message: `The site answers under ${namesIn(input.inputs)}.`,
  };
}

function namesIn(inputs: DomainHostInputs): string {
  const [first, ...others] = inputs.names.map((name) => name.hostname);
  return others.length === 0 ? (first ?? '') : `${first ?? ''} and ${String(others.length)} more`;
}

/** Ready sums up: served and every name ours; a suspension that is in force is what was asked for, and so is ready. */
function readyOf(served: Statement, { inputs }: DomainStatusInput): Statement {
  if (served.status === 'False' && served.reason !== 'Suspended') return { ...served, type: 'Ready' };
  if (inputs?.unclaimed !== undefined) {
    return { type: 'Ready', status: 'False', reason: inputs.unclaimed.reason, message: inputs.unclaimed.message };
  }
  if (inputs?.uncertified !== undefined) {
    const { reason, message } = inputs.uncertified;
    return { type: 'Ready', status: 'False', reason, message: `Served by HTTP, but not by HTTPS yet. ${message}` };
  }
  return { ...served, type: 'Ready', status: 'True' };
}

/** While nothing is known, what was said stays true: nothing is changed then. */
function suspendedOf({ status }: Domain, inputs: DomainHostInputs | undefined): Statement {
  const said = inputs === undefined ? findCondition(status?.conditions, 'Suspended') : undefined;
  if (said !== undefined) return { type: 'Suspended', status: said.status, reason: said.reason, message: said.message };
  return inputs?.suspendedFor === undefined
    ? { type: 'Suspended', status: 'False', reason: 'NotSuspended', message: 'The site is not suspended.' }
    : { type: 'Suspended', status: 'True', reason: 'Suspended', message: inputs.suspendedFor };
}

function problemOf(problem: Problem): Statement {
  return notServed(problem.reason, problem.message);
}

function notServed(reason: string, message: string): Statement {
  return { type: 'Served', status: 'False', reason, message };
}
