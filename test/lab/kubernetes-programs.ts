import { join } from 'node:path';
import { cacheOf, hasAll, type GoModule } from './go-module.ts';

const programs = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
} as const;

export type KubernetesProgram = keyof typeof programs;

/** A real Kubernetes control plane, as far as the tests need one. */
export const kubernetesModule: GoModule = {
  directory: join(import.meta.dirname, '../cluster'),
  name: 'kubernetes',
  programs,
  files: {},
  version: { of: 'k8s.io/kubernetes', package: 'k8s.io/component-base/version' },
};

/** The directory with all programs: `KUBEBUILDER_ASSETS`, or what was built; `undefined` when one is missing. */
export function kubernetesDirectory(): string | undefined {
  const { KUBEBUILDER_ASSETS: assets } = process.env;
  return [assets, cacheOf(kubernetesModule)].find(
    (directory) => directory !== undefined && hasAll(directory, kubernetesModule),
  );
}

/** Why tests that need it are skipped where there is none. */
export const noKubernetes = 'no programs of Kubernetes are here, and no Go that builds them';
