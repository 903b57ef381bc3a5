import type { KubeObject } from '#schemas/meta/object.ts';
import { answersWith } from '#schemas/meta/record-answer.ts';
import { wholeName } from '#schemas/meta/record-content.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import { zoneKind } from '#schemas/v1alpha1/zone.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import {
  defineController,
  type Outcome,
  type Pending,
  type ProbeResult,
  type StatusPatch,
} from '#runtime/manager/controller.ts';
import type { HostParts, HostWorld } from '#controllers/parts.ts';
import { namesakesOf, recordIndexes, recordsIn, settleRecords, type Verdict } from '#controllers/zone-records.ts';

/** What becomes of a record here. */
export interface DnsRecordHostInputs {
  readonly verdict: Verdict;
  /** The whole name, with the dot at its end. */
  readonly name: string;
  /** What is answered under its name and type. */
  readonly contents: readonly string[];
}

/** A DNSRecord on the host of its Zone: whether it is answered. The Zone itself brings that about. */
export function createDnsRecordHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName } = parts;
  return defineController<typeof dnsRecordKind, W, Readonly<Record<never, never>>, DnsRecordHostInputs>({
    name: 'dns-record.host',
    kind: dnsRecordKind,
    drivers: {},
    indexes: recordIndexes,
    watches: [
      { kind: zoneKind, keysOf: (zone, cache) => recordsIn(zone, cache).map(keyOf) },
      // Which of two wins may hang on the other.
      { kind: dnsRecordKind, keysOf: (record, cache) => namesakesOf(record as DNSRecord, cache).map(keyOf) },
    ],
    concerns: ({ status }) => status?.host === hostName,
    gather: gatherRecord,
    desired: () => ({}),
    status: (_record, { inputs, outcome, probes }) => recordStatus(inputs, outcome, probes),
    probe: async (record, inputs, world, signal) => [await probeRecord(record, inputs, { parts, world, signal })],
  });
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name };
}

function gatherRecord(record: DNSRecord, cache: Cache): DnsRecordHostInputs | Pending {
  const { metadata, spec } = record;
  const zone = cache.get(zoneKind, { namespace: metadata.namespace, name: spec.zoneRef.name });
  if (zone === undefined) {
    return { pending: { reason: 'ZoneNotFound', message: `There is no Zone ${spec.zoneRef.name} in this namespace.` } };
  }
  if (zone.status?.servedBy === undefined) {
    return {
      pending: { reason: 'ZoneNotReady', message: `Zone ${spec.zoneRef.name} is not answered yet; it says why.` },
    };
  }
  const { sets, verdicts } = settleRecords(zone, namesakesOf(record, cache), []);
  const name = wholeName(spec.name, zone.spec.name);
  const verdict = verdicts.get(metadata.name);
  if (verdict === undefined) return { pending: { reason: 'ZoneNotReady', message: 'The record is being removed.' } };
  const contents = sets.get(`${name} ${spec.type}`)?.contents ?? [];
  return { verdict, name, contents };
}

interface Probing<W> {
  readonly parts: HostParts<W>;
  readonly world: W;
  readonly signal: AbortSignal;
}

async function probeRecord<W>(
  { spec: { type } }: DNSRecord,
  { verdict, name, contents }: DnsRecordHostInputs,
  { parts, world, signal }: Probing<W>,
): Promise<ProbeResult> {
  const ok: ProbeResult = { ok: true, reason: verdict.reason, message: verdict.message };
  // What stands behind an ALIAS is another server's affair.
  if (!verdict.isAnswered || type === 'ALIAS') return ok;
  try {
    const answer = await parts.askNameServer(world, { name, type }, signal);
    if (answersWith(answer, { name, type, contents })) return ok;
    return {
      ok: false,
      reason: 'AnswerDiffers',
      message: `The name server does not answer with ${type} of ${name} yet.`,
    };
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return { ok: false, reason: 'AnswerDiffers', message: 'The name server does not answer.' };
  }
}

function recordStatus(
  inputs: DnsRecordHostInputs | undefined,
  outcome: Outcome,
  probes: readonly ProbeResult[],
): StatusPatch<typeof dnsRecordKind> {
  const ready = (status: 'True' | 'False', reason: string, message: string): StatusPatch<typeof dnsRecordKind> => ({
    fields: {},
    conditions: [{ type: 'Ready', status, reason, message }],
  });
  if (inputs === undefined) {
    const said = 'reason' in outcome ? outcome : { reason: 'ZoneNotReady', message: 'The Zone is not answered yet.' };
    return ready('False', said.reason, said.message);
  }
  const failed = probes.find(({ ok }) => !ok);
  const {
    isAnswered: isWanted,
    reason,
    message,
  } = failed === undefined ? inputs.verdict : { ...failed, isAnswered: false };
  return ready(isWanted ? 'True' : 'False', reason, message);
}
