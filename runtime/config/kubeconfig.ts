import { HostError } from '#runtime/base/errors.ts';
import { placeFile, readText, type Owner } from './files.ts';
import type { PairFiles } from './pki.ts';

export interface KubeconfigOptions {
  /** `https://host:port` */
  readonly server: string;
  /** The CA behind the server's certificate: a file with its PEM, or the PEM; the system's when absent. */
  readonly certificateAuthority: { readonly file: string } | { readonly pem: string } | undefined;
  readonly credentials:
    | { readonly client: PairFiles }
    | { readonly token: string }
    /** Read again whenever it changes. */
    | { readonly tokenFile: string }
    /** Holds certificate and key; read again whenever it changes. */
    | { readonly certificateFile: string };
  /** Names the cluster, the user and the context. */
  readonly name?: string;
  readonly namespace?: string;
  readonly owner?: Owner;
}

/** Writes a kubeconfig, as JSON, which is YAML and needs no parser of wcpctl, that carries in itself what no file is named for, mode 0600; nothing is written when it says that already. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  const { name = 'wcp360', namespace, owner } = options;
  const authority = await authorityOf(options.certificateAuthority);
  const context = { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: options.server, ...authority } }],
    users: [{ name, user: await userOf(options.credentials) }],
    contexts: [{ name, context }],
    'current-context': name,
    preferences: {},
  };
  await placeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, {
    mode: 0o600,
    ...(owner === undefined ? {} : { owner }),
  });
}

async function authorityOf(
  authority: KubeconfigOptions['certificateAuthority'],
): Promise<Readonly<Record<string, string>>> {
  if (authority === undefined) return {};
  const pem = 'pem' in authority ? authority.pem : await readRequired(authority.file);
  return { 'certificate-authority-data': encoded(pem) };
}

async function userOf(credentials: KubeconfigOptions['credentials']): Promise<Readonly<Record<string, string>>> {
  if ('token' in credentials) return { token: credentials.token };
  if ('tokenFile' in credentials) return { tokenFile: credentials.tokenFile };
  if ('certificateFile' in credentials)
    return { 'client-certificate': credentials.certificateFile, 'client-key': credentials.certificateFile };
  return {
    'client-certificate-data': encoded(await readRequired(credentials.client.certificate)),
    'client-key-data': encoded(await readRequired(credentials.client.key)),
  };
}

async function readRequired(path: string): Promise<string> {
  const text = await readText(path);
  if (text === undefined) throw new HostError('a file that the kubeconfig needs is missing', { path });
  return text;
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
