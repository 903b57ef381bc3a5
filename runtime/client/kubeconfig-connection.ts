import type { Credentials } from './credentials.ts';

/** A cluster and who we are there: the first argument of `createClient`. */
export interface KubeconfigConnection {
  readonly server: string;
  readonly credentials: Credentials;
  /** Name of the context that was chosen. */
  readonly context: string;
  readonly cluster: string;
  readonly user: string;
  /** The context's namespace. */
  readonly namespace: string | undefined;
  /** PEM of the cluster's authority, for making another kubeconfig. */
  readonly certificateAuthority: string | undefined;
  /** The one file that holds our certificate and its key, where there is one: who keeps it fresh replaces it as a whole. */
  readonly certificateFile: string | undefined;
}
