import type { KubeObject } from '#schemas/meta/object.ts';
import type { Condition } from '#schemas/meta/object.ts';
import { packageKind, type Package } from '#schemas/v1alpha1/package.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { defineController } from '#runtime/manager/controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { expandedFor } from '#controllers/package-records.ts';

const BY_PACKAGE = 'package';

/** What the leader knows about a Package. */
export interface PackageInputs {
  readonly tenants: number;
}

/** Counts who has a package; a package makes nothing by itself. */
export function createPackageClusterController<W>(_parts: ClusterParts<W>) {
  return defineController<typeof packageKind, W, Readonly<Record<never, never>>, PackageInputs>({
    name: 'package.cluster',
    kind: packageKind,
    drivers: {},
    indexes: [{ kind: tenantKind, index: { name: BY_PACKAGE, valuesOf: packageNamesOf } }],
    watches: [
      {
        kind: tenantKind,
        keysOf: (_tenant, cache) => cache.list(packageKind).map((pack) => ({ name: pack.metadata.name })),
      },
    ],
    gather: (pack, cache) => ({ tenants: cache.byIndex(tenantKind, BY_PACKAGE, pack.metadata.name).length }),
    desired: () => ({}),
    status: (pack, { inputs }) => ({
      fields: inputs === undefined ? {} : { tenants: inputs.tenants },
      conditions: [{ type: 'Ready', ...readyOf(pack) }],
    }),
  });
}

/** Whatever a zone is called: what cannot be said for this one cannot for any other. */
const anyZone = 'zone.example';

function readyOf({ spec }: Package): Pick<Condition, 'status' | 'reason' | 'message'> {
  const wrong = spec.dns.records.find((record) => expandedFor(anyZone, record) === undefined);
  if (wrong === undefined) return { status: 'True', reason: 'Available', message: 'Tenants can have the package.' };
  const message = `${wrong.type} of ${wrong.name} in spec.dns.records has a value that no such record has: it is left out.`;
  return { status: 'False', reason: 'RecordInvalid', message };
}

function packageNamesOf(tenant: KubeObject): readonly string[] {
  const name = (tenant as Tenant).status?.effective?.packageName;
  return name === undefined ? [] : [name];
}
