import { InvalidError } from '#runtime/base/errors.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import type { KubeconfigConnection } from '#runtime/client/kubeconfig-connection.ts';

/**
 * The server that `--kubeconfig` names, or, where none does, the cluster whose pod this is, as the pod's account.
 * Outside of pods it has to be named: a program that runs unattended takes no administrator's kubeconfig that happens to lie in a home directory.
 */
export async function connectionTo(kubeconfig: string | undefined): Promise<KubeconfigConnection> {
  const { KUBERNETES_SERVICE_HOST } = process.env;
  if (kubeconfig === undefined && KUBERNETES_SERVICE_HOST === undefined)
    throw new InvalidError('this is no pod of a Kubernetes, so --kubeconfig or WCPD_KUBECONFIG has to name a file', []);
  return loadKubeconfig(kubeconfig === undefined ? { env: { KUBERNETES_SERVICE_HOST } } : { path: kubeconfig });
}
