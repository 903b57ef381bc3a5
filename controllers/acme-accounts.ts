import { secretKind } from '#schemas/meta/builtin.ts';
import { parseNetwork } from '#runtime/base/networks.ts';
import { PostponedError, RefusedError } from '#runtime/base/errors.ts';
import { openAccount as openAcmeAccount, type AccountOptions, type AcmeAccount } from '#runtime/acme/account.ts';
import { digestOfKey, newKey } from '#runtime/pki/crypto-keys.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Delegations } from '#runtime/dns/delegations.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { NameResolver } from '#runtime/dns/name-resolver.ts';
import type { Clock } from '#runtime/base/clock.ts';
import type { IssuerUse } from './issuer-use.ts';
import { readSecret, writeSecret } from './secret-store.ts';

/** What getting certificates takes beside the API server. */
export interface CertificateTools {
  readonly clock: Clock;
  /** Where CAs of tenants may be beside public addresses, such as `10.1.0.0/16`; those of the platform may be anywhere. */
  readonly networks: readonly string[];
  /** What the DNS says of names before a CA is asked. */
  readonly resolver: NameResolver;
  /** To whom names are delegated. */
  readonly delegations: Delegations;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** How an account is opened; by ACME unless given. */
  readonly openAccount?: (options: AccountOptions) => Promise<AcmeAccount>;
}

/** Accounts at CAs, opened once and kept. */
export interface AcmeAccounts {
  /**
   * The account of an issuer. RefusedError when a Secret that it names is not there or holds no key. PostponedError while its key is another one than that by
   * which the CA knows the account: it is to be opened anew, without its URL, and a key is made only then. While the cache shows the Secret of its key in the state
   * in which it was read, that is not read again.
   */
  of(issuer: IssuerUse, client: Client, cache?: Cache): Promise<KeyedAccount>;
}

export interface KeyedAccount extends AcmeAccount {
  /** SHA-256 of the public part of its key, hexadecimal. */
  readonly keyDigest: string;
}

interface Kept {
  readonly mark: string;
  /** resourceVersion of the Secret of its key. */
  readonly version: string;
  readonly account: KeyedAccount;
}

export function createAcmeAccounts({
  networks,
  signal,
  openAccount = openAcmeAccount,
}: CertificateTools): AcmeAccounts {
  const kept = new Map<string, Kept>();
  const open = networks.flatMap((text) => parseNetwork(text) ?? []);
  return {
    of: async (issuer, client, cache) => {
      const id = `${issuer.kind}/${issuer.namespace}/${issuer.name}`;
      const mark = JSON.stringify([acmeOf(issuer), issuer.accountUrl]);
      const known = kept.get(id);
      const isOf = (version: string | undefined): boolean => known?.mark === mark && known.version === version;
      const shown = cache?.get(secretKind, keySecretOf(issuer))?.metadata.resourceVersion;
      if (known !== undefined && isOf(shown)) return known.account;
      const { key, version, keyDigest } = await accountKey(issuer, client, signal);
      if (known !== undefined && isOf(version)) return known.account;
      const opened = await openAccount({
        ...whereOf(issuer),
        key,
        networks: issuer.kind === 'ClusterIssuer' ? undefined : open,
        externalAccount: await externalAccountOf(issuer, client, signal),
        userAgent: 'wcp360',
        signal,
      });
      const account = { ...opened, keyDigest };
      // The one that stands there now, which somebody else may have opened in the meantime.
      kept.get(id)?.account.close();
      kept.set(id, { mark, version, account });
      return account;
    },
  };
}

function whereOf(issuer: IssuerUse) {
  const { server, caBundle } = acmeOf(issuer);
  const authorities = caBundle === undefined ? undefined : Buffer.from(caBundle, 'base64').toString('utf8');
  return { directory: server, url: issuer.accountUrl, authorities };
}

type Acme = NonNullable<IssuerUse['spec']['acme']>;

function acmeOf({ spec, name }: IssuerUse): Acme {
  if (spec.acme === undefined) throw new RefusedError('IssuerNotReady', `Issuer ${name} is none of ACME.`);
  return spec.acme;
}

function keySecretOf(issuer: IssuerUse): { readonly namespace: string; readonly name: string } {
  return { namespace: issuer.namespace, name: acmeOf(issuer).privateKeySecretRef.name };
}

/** The key of an account, made when there is none: it is stored before the CA hears of it. */
async function accountKey(
  issuer: IssuerUse,
  client: Client,
  signal: AbortSignal,
): Promise<{ readonly key: string; readonly version: string; readonly keyDigest: string }> {
  const key = keySecretOf(issuer);
  const there = await readSecret(client, key, signal);
  if (there === undefined && issuer.accountUrl !== undefined) throw anotherKey(issuer);
  const stored =
    there ??
    (await writeSecret(
      client,
      {
        key,
        type: 'Opaque',
        fieldManager: 'wcp360-certificates',
        values: { 'tls.key': newKey() },
        madeFor: `${issuer.kind}/${issuer.name}`,
      },
      signal,
    ));
  const text = stored.values['tls.key'];
  const keyDigest = text === undefined ? undefined : digestOfKey(text);
  if (text === undefined || keyDigest === undefined)
    throw new RefusedError('SecretNotFound', `The Secret ${key.name} holds no key as tls.key.`);
  if (issuer.keyDigest !== undefined && issuer.keyDigest !== keyDigest) throw anotherKey(issuer);
  return { key: text, version: stored.resourceVersion, keyDigest };
}

/** Who prepares the issuer opens the account with it. */
function anotherKey({ kind, name }: IssuerUse): PostponedError {
  return new PostponedError('IssuerNotReady', `The account of ${kind} ${name} is being opened with another key.`);
}

async function externalAccountOf(
  issuer: IssuerUse,
  client: Client,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly macKey: string } | undefined> {
  const binding = acmeOf(issuer).externalAccountBinding;
  if (binding === undefined) return undefined;
  const { name } = binding.keySecretRef;
  const macKey = (await readSecret(client, { namespace: issuer.namespace, name }, signal))?.values['key'];
  if (macKey === undefined) throw new RefusedError('SecretNotFound', `There is no Secret ${name} with the key "key".`);
  return { id: binding.keyID, macKey: macKey.trim() };
}
