import { join } from 'node:path';
import { cacheOf, hasAll, type GoModule } from './go-module.ts';

const operator = 'github.com/prometheus-operator/prometheus-operator';

/** Files with the kinds of the Prometheus operator that manifests/ uses, as its release publishes them. */
export const monitoringKinds = ['servicemonitors', 'prometheusrules'] as const;

/** What renders manifests/, and the kinds of others that are in there. */
export const packagingModule: GoModule = {
  directory: join(import.meta.dirname, '../cluster/packaging'),
  name: 'packaging',
  programs: { kustomize: 'sigs.k8s.io/kustomize/kustomize/v5', helm: 'helm.sh/helm/v4/cmd/helm' },
  files: Object.fromEntries(
    monitoringKinds.map((kind) => [
      `${kind}.yaml`,
      { module: operator, path: `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml` },
    ]),
  ),
};

/** The directory with all of it; `undefined` when something is missing. */
export function packagingDirectory(): string | undefined {
  const cache = cacheOf(packagingModule);
  return hasAll(cache, packagingModule) ? cache : undefined;
}

/** Why tests that need it are skipped where there is none. */
export const noPackaging = 'neither kustomize nor helm is here, and no Go that builds them';
