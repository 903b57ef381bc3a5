import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Certificate, certificateKind } from '#schemas/v1alpha1/certificate.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import type { CertificateInputs } from './gather.ts';
import { consumersOf, type Consumer } from './consumers.ts';
import {
  failuresOf,
  lackingIn,
  standingOf,
  type CertificateReport,
  type CertificateState,
  type Standing,
} from './model.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface CertificateStatusInput {
  readonly inputs: CertificateInputs | undefined;
  readonly observed: { readonly certificates: CertificateState } | undefined;
  readonly outcome: Outcome;
}

/**
 * What was found, or what stands while nothing was looked at: the certificate that there is serves on whatever becomes of the next one. Nothing is told while it
 * may be there in a moment.
 */
export function certificateStatus(
  certificate: Certificate,
  input: CertificateStatusInput,
): StatusPatch<typeof certificateKind> | undefined {
  const { inputs, outcome } = input;
  const report = reportIn(input);
  if (report?.isBrief === true) return undefined;
  const consumers = consumersNow(certificate, inputs, report?.standing);
  const { fields, conditions } =
    report === undefined ? standing(certificate, { inputs, outcome, consumers }) : found(report, consumers);
  return { fields: { ...fields, ...(consumers.length === 0 ? {} : { consumers: [...consumers] }) }, conditions };
}

/** Those of what there is now: the names of a certificate that is new are not in the status yet. */
function consumersNow(
  { status = {} }: Certificate,
  inputs: CertificateInputs | undefined,
  there: Standing = status,
): readonly Consumer[] {
  return inputs === undefined ? (status.consumers ?? []) : consumersOf(inputs.candidates, there.dnsNames ?? []);
}

function reportIn({ observed, outcome }: CertificateStatusInput): CertificateReport | undefined {
  return outcome.phase === 'synced' ? observed?.certificates?.report : undefined;
}

function found(
  { standing: there, failures, ready, issuing }: CertificateReport,
  consumers: readonly Consumer[],
): StatusPatch<typeof certificateKind> {
  return {
    fields: { ...there, ...failures },
    conditions: [
      shownReady(ready, there, consumers),
      ...(issuing === undefined ? [] : [{ type: 'Issuing', status: 'True', ...issuing } as const]),
    ],
  };
}

function standing(
  certificate: Certificate,
  {
    inputs,
    outcome,
    consumers,
  }: Pick<CertificateStatusInput, 'inputs' | 'outcome'> & { readonly consumers: readonly Consumer[] },
): StatusPatch<typeof certificateKind> {
  const { status } = certificate;
  const fields = { ...standingOf(status), ...failuresOf(status) };
  const isSettled = inputs?.isSettled === true && outcome.phase === 'synced';
  return { fields, conditions: isSettled ? repeated(certificate, consumers) : [readyWhile(certificate, outcome)] };
}

/** What of a certificate is told once it is there. */
export function readyOf(dnsNames: readonly string[], there: Standing): CertificateReport['ready'] {
  const lacking = lackingIn(there, dnsNames);
  if (lacking.length === 0)
    return { isTrue: true, reason: 'Issued', message: `It is good until ${there.notAfter ?? ''}.` };
  const message = `It is good until ${there.notAfter ?? ''}, but not for ${lacking.slice(0, 3).join(', ')}.`;
  return { isTrue: true, reason: 'ReducedCoverage', message };
}

/** To have it is not all: every Domain that is served with it has to show it. */
function shownReady(
  { isTrue, reason, message }: CertificateReport['ready'],
  { serialNumber }: Standing,
  consumers: readonly Consumer[],
): Statement {
  const behind = consumers.find((consumer) => consumer.serialNumber !== serialNumber);
  if (!isTrue || behind === undefined) return { type: 'Ready', status: isTrue ? 'True' : 'False', reason, message };
  const shown = behind.serialNumber === undefined ? 'shows none yet' : `still shows ${behind.serialNumber}`;
  const words = `${message} Domain ${behind.domain} ${shown}.`;
  return { type: 'Ready', status: 'False', reason: 'NotServed', message: words };
}

/** Of a certificate for which nothing is to be done only who shows it may have changed. */
function repeated({ spec, status }: Certificate, consumers: readonly Consumer[]): readonly Statement[] {
  const [ready, issuing] = ['Ready', 'Issuing'].map((type) => findCondition(status?.conditions, type));
  const said = [ready, issuing].flatMap((each) =>
    each === undefined ? [] : [{ type: each.type, status: each.status, reason: each.reason, message: each.message }],
  );
  if (ready?.status !== 'True' && ready?.reason !== 'NotServed') return said;
  const others = said.filter(({ type }) => type !== 'Ready');
  const there = standingOf(status);
  return [shownReady(readyOf(spec.dnsNames, there), there, consumers), ...others];
}

/** Of a certificate that was good it is not said that it is bad because its issuer is away. */
function readyWhile({ metadata, status }: Certificate, outcome: Outcome): Statement {
  const before = findCondition(status?.conditions, 'Ready');
  const isSameSpec = status?.observedGeneration === metadata.generation;
  const wasGood = before?.status === 'True' || before?.reason === 'NotServed';
  if (wasGood && isSameSpec)
    return { type: 'Ready', status: before.status, reason: before.reason, message: before.message };
  const said = 'message' in outcome ? outcome : { reason: 'Issuing', message: 'It is being looked at.' };
  return { type: 'Ready', status: 'False', reason: said.reason, message: said.message };
}
