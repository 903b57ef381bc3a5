import { issuerKind } from '#schemas/v1alpha1/issuer.ts';
import { createIssuerController } from '#controllers/issuer-controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';

/** Where certificates of one tenant come from. */
export function createIssuerClusterController<W>(parts: ClusterParts<W>) {
  return createIssuerController(issuerKind, 'issuer.cluster', parts);
}
