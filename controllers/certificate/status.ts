import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Certificate, certificateKind } from '#schemas/v1alpha1/certificate.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import type { CertificateInputs } from './gather.ts';
import { failuresOf, standingOf, type CertificateReport, type CertificateState } from './model.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

export interface CertificateStatusInput {
  readonly inputs: CertificateInputs | undefined;
  readonly observed: { readonly certificates: CertificateState } | undefined;
  readonly outcome: Outcome;
}

/** What was found, or what stands while nothing was looked at: the certificate that there is serves on whatever becomes of the next one. */
export function certificateStatus(
  certificate: Certificate,
  { inputs, observed, outcome }: CertificateStatusInput,
): StatusPatch<typeof certificateKind> {
  const report = observed?.certificates?.report;
  if (report !== undefined && outcome.phase === 'synced') return told(report);
  const { status } = certificate;
  const fields = { ...standingOf(status), ...failuresOf(status) };
  if (inputs?.isSettled === true && outcome.phase === 'synced') return { fields, conditions: repeated(certificate) };
  return { fields, conditions: [readyWhile(certificate, outcome)] };
}

function told({ standing, failures, ready, issuing }: CertificateReport): StatusPatch<typeof certificateKind> {
  const { isTrue, reason, message } = ready;
  return {
    fields: { ...standing, ...failures },
    conditions: [
      { type: 'Ready', status: isTrue ? 'True' : 'False', reason, message },
      ...(issuing === undefined ? [] : [{ type: 'Issuing', status: 'True', ...issuing } as const]),
    ],
  };
}

function repeated({ status }: Certificate): readonly Statement[] {
  return ['Ready', 'Issuing'].flatMap((type) => {
    const said = findCondition(status?.conditions, type);
    return said === undefined ? [] : [{ type, status: said.status, reason: said.reason, message: said.message }];
  });
}

/** Of a certificate that was good it is not said that it is bad because its issuer is away. */
function readyWhile({ metadata, status }: Certificate, outcome: Outcome): Statement {
  const before = findCondition(status?.conditions, 'Ready');
  const isSameSpec = status?.observedGeneration === metadata.generation;
  if (before?.status === 'True' && isSameSpec)
    return { type: 'Ready', status: 'True', reason: before.reason, message: before.message };
  const said = 'message' in outcome ? outcome : { reason: 'Issuing', message: 'It is being looked at.' };
  return { type: 'Ready', status: 'False', reason: said.reason, message: said.message };
}
