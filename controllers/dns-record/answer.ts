import { answersWith, type NameServerAnswer } from '#schemas/meta/record-answer.ts';
import { wholeName } from '#schemas/meta/record-content.ts';
import { recordKey } from '#schemas/meta/record-set.ts';
import type { DNSRecord, dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Outcome, Pending, ProbeResult, StatusPatch } from '#runtime/manager/controller.ts';
import type { Verdict } from '#controllers/settled-name.ts';
import { settleNamesakes } from '#controllers/zone-records.ts';

/** What becomes of a record, and what is answered instead of it where it loses. */
export interface RecordAnswer {
  readonly verdict: Verdict;
  /** The whole name, with the dot at its end. */
  readonly name: string;
  /** What is answered under its name and type. */
  readonly contents: readonly string[];
}

export function answerOf(record: DNSRecord, zone: Zone, cache: Cache): RecordAnswer | Pending {
  const { metadata, spec } = record;
  const { sets, verdicts } = settleNamesakes(zone, record, cache);
  const name = wholeName(spec.name, zone.spec.name);
  const verdict = verdicts.get(metadata.name);
  if (verdict === undefined) return { pending: { reason: 'ZoneNotReady', message: 'The record is being removed.' } };
  const key = recordKey(name, spec.type);
  return { verdict: refusedBy(zone, key, verdict), name, contents: sets.get(key)?.contents ?? [] };
}

/** What the name server says of a record that it does not take. */
function refusedBy({ status }: Zone, key: string, verdict: Verdict): Verdict {
  const refused = status?.refusedRecords?.find(({ record }) => record === key);
  if (refused === undefined || !verdict.isAnswered) return verdict;
  return { isAnswered: false, reason: 'InvalidValue', message: refused.message };
}

type Ask = (question: { readonly name: string; readonly type: string }) => Promise<NameServerAnswer>;

/** Asks whether it is answered as it is to be; what loses is not asked for, and what stands behind an ALIAS is another server's affair. */
export async function probeAnswer(
  { spec: { type } }: DNSRecord,
  { verdict, name, contents }: RecordAnswer,
  ask: Ask,
): Promise<ProbeResult> {
  const ok: ProbeResult = { ok: true, reason: verdict.reason, message: verdict.message };
  if (!verdict.isAnswered || type === 'ALIAS') return ok;
  const differs = (message: string): ProbeResult => ({ ok: false, reason: 'AnswerDiffers', message });
  try {
    const answer = await ask({ name, type });
    if (answersWith(answer, { name, type, contents })) return ok;
    return differs(`The name server does not answer with ${type} of ${name} yet.`);
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return differs('The name server does not answer.');
  }
}

export function answerStatus(
  answer: Pick<RecordAnswer, 'verdict'> | undefined,
  outcome: Outcome,
  probes: readonly ProbeResult[],
): StatusPatch<typeof dnsRecordKind> {
  const ready = (status: 'True' | 'False', reason: string, message: string): StatusPatch<typeof dnsRecordKind> => ({
    fields: {},
    conditions: [{ type: 'Ready', status, reason, message }],
  });
  if (answer === undefined) {
    const said = 'reason' in outcome ? outcome : { reason: 'ZoneNotReady', message: 'The Zone is not answered yet.' };
    return ready('False', said.reason, said.message);
  }
  const failed = probes.find(({ ok }) => !ok);
  const { isAnswered, reason, message } = failed === undefined ? answer.verdict : { ...failed, isAnswered: false };
  return ready(isAnswered ? 'True' : 'False', reason, message);
}
