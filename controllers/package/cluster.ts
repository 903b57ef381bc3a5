import type { KubeObject } from '#schemas/meta/object.ts';
import { packageKind } from '#schemas/v1alpha1/package.ts';
import { tenantKind, type Tenant } from '#schemas/v1alpha1/tenant.ts';
import { defineController } from '#runtime/manager/controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';

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
    status: (_pack, { inputs }) => ({
      fields: inputs === undefined ? {} : { tenants: inputs.tenants },
      conditions: [{ type: 'Ready', status: 'True', reason: 'Available', message: 'Tenants can have the package.' }],
    }),
  });
}

function packageNamesOf(tenant: KubeObject): readonly string[] {
  const name = (tenant as Tenant).status?.effective?.packageName;
  return name === undefined ? [] : [name];
}
