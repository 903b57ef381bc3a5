import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A real Kubernetes control plane, as far as the tests need one. */
export const kubernetesPrograms = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
} as const;

export type KubernetesProgram = keyof typeof kubernetesPrograms;

/** The Go module that names the versions. */
export const kubernetesModule = join(import.meta.dirname, '../cluster');

/** Where `hack/kubernetes.ts` puts what it builds: outside of the checkout, by the hash of what it is built from. */
export function kubernetesCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum']) hash.update(readFileSync(join(kubernetesModule, name)));
  return join(cache, 'wcp360', `kubernetes-${hash.digest('hex').slice(0, 16)}`);
}

/** The directory with all programs: `KUBEBUILDER_ASSETS`, or what was built; `undefined` when one is missing. */
export function kubernetesDirectory(): string | undefined {
  const { KUBEBUILDER_ASSETS: assets } = process.env;
  return [assets, kubernetesCache()].find((directory) => directory !== undefined && hasAll(directory));
}

/** Why tests that need it are skipped where there is none. */
export const noKubernetes = 'no programs of Kubernetes are here, and no Go that builds them';

function hasAll(directory: string): boolean {
  return Object.keys(kubernetesPrograms).every(
    (name) => statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined,
  );
}
