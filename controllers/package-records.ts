import { apiVersionOf } from '#schemas/meta/kind.ts';
import { nameHash } from '#schemas/meta/name-hash.ts';
import { LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { dnsRecordKind } from '#schemas/v1alpha1/dns-record.ts';
import type { Tenant } from '#schemas/v1alpha1/tenant.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { isRecordValue } from './record-value.ts';

type Effective = NonNullable<NonNullable<Tenant['status']>['effective']>;
export type PackageRecord = NonNullable<NonNullable<Effective['dns']>['records']>[number];

/** A record of a package as a zone has it; `undefined` when it cannot be said for that zone. Pure. */
export function expandedFor(zone: string, record: PackageRecord): PackageRecord | undefined {
  const values = [...new Set(record.values.map((value) => value.replaceAll('$(ZONE)', zone)))];
  return values.every((value) => isRecordValue(record.type, value)) ? { ...record, values } : undefined;
}

/** What the package gives a zone: nothing to those that list or that are asked for names of addresses. */
export function packageRecordsFor({ spec }: Zone, { dns }: Effective): readonly PackageRecord[] {
  const isOfNames = spec.catalog !== true && !/[.](in-addr|ip6)[.]arpa$/.test(spec.name);
  return isOfNames ? (dns?.records ?? []).flatMap((record) => expandedFor(spec.name, record) ?? []) : [];
}

/** DNSRecords whose owner, the Zone, can be seen, and which go with it. */
export function desiredPackageRecords({ metadata }: Zone, records: readonly PackageRecord[]): readonly KubeObject[] {
  const { namespace = '', name: zone, uid = '' } = metadata;
  const owner = { apiVersion: apiVersionOf(zoneKind), kind: zoneKind.kind, name: zone, uid, controller: true };
  return records.map((record) => ({
    apiVersion: apiVersionOf(dnsRecordKind),
    kind: dnsRecordKind.kind,
    metadata: {
      name: `${zone}-package-${record.type.toLowerCase()}-${nameHash(record.name).toString(16).padStart(8, '0')}`,
      namespace,
      labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
      ...(uid === '' ? {} : { ownerReferences: [owner] }),
    },
    spec: { zoneRef: { name: zone }, ...record },
  }));
}
