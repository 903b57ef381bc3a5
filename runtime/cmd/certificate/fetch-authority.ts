import { RefusedError } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { authoritiesWith } from '#runtime/pki/pins.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';

const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/configmaps/kube-root-ca.crt`;

/**
 * The CA behind a server's certificate, PEM, recognised by the hash of its key. Asked as nobody over a connection that is not believed: nothing is shown to
 * whoever answers, and of the answer only that counts which has the hash.
 */
export async function fetchAuthority(server: string, hashes: readonly string[], signal: AbortSignal): Promise<string> {
  const client = createClient({ server, tls: { skipVerify: true }, userAgent: 'wcpd-join' });
  try {
    const { status, body } = await client.raw('GET', path, { signal });
    if (status !== 200) {
      const why = `${server} does not tell its CA to strangers (${status}): put it into a file, and give --ca-file instead of --ca-hash`;
      throw new RefusedError('AuthorityNotTold', why);
    }
    const { data } = JSON.parse(body) as { readonly data?: Readonly<Record<string, string>> };
    const found = authoritiesWith(hashes, data?.['ca.crt'] ?? '');
    if (found !== '') return found;
  } finally {
    await client.close();
  }
  const why = `the server at ${server} is not the one that the command was made for: its CA does not have the hash ${hashes.join(' or ')}`;
  throw new RefusedError('OtherAuthority', why);
}
