import { findCondition } from '#schemas/meta/conditions.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Pending, ProbeResult } from '#runtime/manager/controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { nameWithin, stayingZones, zoneOf } from '#controllers/zone-of.ts';

/** Where the DNS shows what a CA wants to see, and whether it does. */
export interface RecordInputs {
  /** Name of the Zone object. */
  readonly zone: string;
  /** Within the zone. */
  readonly name: string;
  /** Names of the servers that a CA may ask. */
  readonly nameservers: readonly string[];
  /** What the DNSRecord says of itself; absent until it does. */
  readonly ready?: Pick<Condition, 'status' | 'message' | 'lastTransitionTime'>;
}

/** The label under which a CA looks (RFC 8555 §8.4). */
export const CHALLENGE_LABEL = '_acme-challenge';

export function gatherRecord(
  { metadata, spec }: Challenge,
  cache: Cache,
  ancestorsOf: ClusterParts<never>['ancestorsOf'],
): RecordInputs | Pending {
  const { namespace, name } = metadata;
  const zone = zoneOf(spec.dnsName, stayingZones(namespace, cache), ancestorsOf);
  if (zone === undefined) {
    const message = `The tenant has no Zone that ${spec.dnsName} is in; make one, and delegate it to this name server.`;
    return { pending: { reason: 'ZoneNotFound', message } };
  }
  return {
    zone: zone.metadata.name,
    name: nameWithin(zone, `${CHALLENGE_LABEL}.${spec.dnsName}`),
    nameservers: zone.status?.nameservers ?? [],
    ...readyOf(cache.get(dnsRecordKind, { namespace, name })),
  };
}

/** What was said of an older spec says nothing of this one. */
function readyOf(record: DNSRecord | undefined): Pick<RecordInputs, 'ready'> {
  if (record?.status?.observedGeneration !== record?.metadata.generation) return {};
  const ready = findCondition(record?.status?.conditions, 'Ready');
  if (ready === undefined) return {};
  const { status, message, lastTransitionTime } = ready;
  return { ready: { status, message, lastTransitionTime } };
}

/** Nobody remembers it for longer than it is needed. */
const TTL = '1m';

/** Texts of several challenges stand beside each other under one name: a wildcard's and that of the name above. */
export function desiredRecord({ metadata, spec }: Challenge, { zone, name }: RecordInputs): KubeObject {
  const { namespace = '', name: challenge, uid = '' } = metadata;
  const owner = {
    apiVersion: apiVersionOf(challengeKind),
    kind: challengeKind.kind,
    name: challenge,
    uid,
    controller: true,
  };
  return {
    apiVersion: apiVersionOf(dnsRecordKind),
    kind: dnsRecordKind.kind,
    metadata: {
      name: challenge,
      namespace,
      labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
      ownerReferences: [owner],
    },
    spec: { zoneRef: { name: zone }, name, type: 'TXT', ttl: TTL, values: [spec.key] },
  };
}

/** What a Challenge says of itself that the DNS shows; `undefined` for one that it does not. */
export function answerOf(
  record: RecordInputs | undefined,
  probes: readonly ProbeResult[],
): { readonly isSeen: boolean; readonly reason: string; readonly message: string } | undefined {
  if (record === undefined) return undefined;
  const { ready } = record;
  if (ready === undefined)
    return { isSeen: false, reason: 'Presenting', message: `A record is being put into Zone ${record.zone}.` };
  const failed = probes.find(({ ok }) => !ok);
  if (failed !== undefined) return { isSeen: false, reason: failed.reason, message: failed.message };
  if (ready.status === 'True')
    return { isSeen: true, reason: 'Presented', message: 'The name servers show what the CA wants to see.' };
  return { isSeen: false, reason: 'NotSeen', message: `The name server does not show it: ${ready.message}` };
}
