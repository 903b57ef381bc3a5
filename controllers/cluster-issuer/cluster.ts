import { clusterIssuerKind } from '#schemas/v1alpha1/cluster-issuer.ts';
import { createIssuerController } from '#controllers/issuer-controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';

/** Where certificates of all tenants come from. */
export function createClusterIssuerClusterController<W>(parts: ClusterParts<W>) {
  return createIssuerController(clusterIssuerKind, 'cluster-issuer.cluster', parts);
}
