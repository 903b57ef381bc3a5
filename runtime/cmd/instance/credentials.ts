import { writeKubeconfig } from '#runtime/config/kubeconfig.ts';
import { createPki, type PkiOptions } from '#runtime/config/pki.ts';

/** For whom kubeconfigs are made, and under which names their owners stand in a PKI. */
const holders = ['admin', 'controller', 'agent'] as const;

export interface CredentialOptions extends PkiOptions {
  /** Directory of the PKI. */
  readonly pki: string;
  /** Files. */
  readonly kubeconfigs: Readonly<Record<(typeof holders)[number], string>>;
  /** `https://host:port` */
  readonly server: string;
}

/** Makes the PKI, and the kubeconfigs of those who speak with the server; nothing is rewritten that says the same already. */
export async function prepareCredentials(options: CredentialOptions): Promise<void> {
  const { owners = {}, server } = options;
  const pki = await createPki(options.pki, options);
  for (const holder of holders) {
    const owner = owners[holder];
    await writeKubeconfig(options.kubeconfigs[holder], {
      server,
      certificateAuthority: { file: pki.authority.certificate },
      credentials: { client: pki[holder] },
      ...(owner === undefined ? {} : { owner }),
    });
  }
}
