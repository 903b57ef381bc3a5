import { AcmeProblem, RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { isUsableAuthority } from '#runtime/pki/pair.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { AcmeAccounts, CertificateTools } from './acme-accounts.ts';
import type { IssuerUse } from './issuer-use.ts';
import { readSecret } from './secret-store.ts';

/** An issuer with what it hangs on. */
export interface IssuerWork {
  readonly issuer: IssuerUse;
  /** resourceVersions of the Secrets that it names; empty for what is not there. */
  readonly secretVersions: readonly string[];
  /** Somebody asked for a look. */
  readonly request?: string;
  /** Of what was found: URL of the account, where there is one. */
  readonly accountUrl?: string;
  /** Of what was found: of the key of the account. */
  readonly keyDigest?: string;
  /** Of what was found: names by which CAA records mean the CA. */
  readonly caaNames?: readonly string[];
}

/** `undefined`: nobody needs it. */
export type IssuerState = IssuerWork | undefined;

interface IssuerInput {
  readonly owner: Owner;
  readonly work: IssuerWork;
}

export type IssuersAction =
  Action<'issuers', 'prepare-issuer', IssuerInput> | Action<'issuers', 'forget-issuer', { readonly owner: Owner }>;

interface World {
  readonly client: Client;
}

/** Whether an issuer works: its account is opened, its CA can sign. Looked at once after each start and whenever it changes. */
export function createIssuersDriver<W extends World>(
  accounts: AcmeAccounts,
  tools: Pick<CertificateTools, 'clock'>,
): Driver<'issuers', ReadonlyMap<string, IssuerWork>, IssuerState, IssuersAction, W> {
  const memory = new Map<string, IssuerWork>();
  return {
    name: 'issuers',
    nothing: undefined,
    looks: ['forget-issuer'],
    normalize: (desired) => desired,
    observe: () => Promise.resolve(memory),
    advance: (snapshot) => snapshot,
    of: (owner, snapshot) => snapshot.get(ownerId(owner)),
    plan: planIssuer,
    apply: async (action, { client }, signal) => {
      const id = ownerId(action.input.owner);
      if (action.op === 'forget-issuer') return void memory.delete(id);
      const { work } = action.input;
      memory.set(id, await prepare(work, { client, accounts, nowMs: tools.clock.now(), signal }));
    },
  };
}

interface Preparing {
  readonly client: Client;
  readonly accounts: AcmeAccounts;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

async function prepare(work: IssuerWork, preparing: Preparing): Promise<IssuerWork> {
  const { acme, ca } = work.issuer.spec;
  if (acme !== undefined) return { ...work, ...(await openAccountOf(work.issuer, acme, preparing)) };
  if (ca !== undefined) await checkAuthority(work.issuer, ca.secretRef.name, preparing);
  return work;
}

async function openAccountOf(
  issuer: IssuerUse,
  acme: NonNullable<IssuerUse['spec']['acme']>,
  { accounts, client }: Preparing,
): Promise<Pick<IssuerWork, 'accountUrl' | 'keyDigest' | 'caaNames'>> {
  // The URL is asked for anew: the key, or the CA, may be another one now.
  const { accountUrl: _, keyDigest: __, ...unknown } = issuer;
  const account = await accounts.of(unknown, client);
  try {
    const accountUrl = await account.register(acme.email === undefined ? [] : [`mailto:${acme.email}`]);
    const { keyDigest } = account;
    return { accountUrl, keyDigest, caaNames: (await account.caaNames()).slice(0, mostCaaNames) };
  } catch (err) {
    if (err instanceof AcmeProblem && hopeless.has(err.type))
      throw new RefusedError('AccountRefused', `The CA opens no account: ${err.message}`, { cause: err });
    throw err;
  }
}

const mostCaaNames = 16;

/** Problems that the same request will meet again. */
const hopeless: ReadonlySet<string> = new Set([
  'addressNotAllowed',
  'externalAccountRequired',
  'invalidContact',
  'unsupportedContact',
  'badSignatureAlgorithm',
  'badPublicKey',
  'unauthorized',
]);

async function checkAuthority(
  { namespace }: IssuerUse,
  name: string,
  { client, nowMs, signal }: Preparing,
): Promise<void> {
  const secret = await readSecret(client, { namespace, name }, signal);
  if (secret === undefined) throw new RefusedError('SecretNotFound', `There is no Secret ${name} in ${namespace}.`);
  const { 'tls.crt': certificate, 'tls.key': key } = secret.values;
  const pair = { ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { key }) };
  if (!isUsableAuthority(pair, nowMs, 0))
    throw new RefusedError(
      'AuthorityInvalid',
      `The Secret ${name} holds no certificate of a CA with its key (tls.crt, tls.key).`,
    );
}

function planIssuer(owner: Owner, desired: IssuerState, observed: IssuerState): readonly IssuersAction[] {
  const common = { driver: 'issuers', subject: ownerId(owner), disruption: 'none', changes: [] } as const;
  if (desired === undefined)
    return observed === undefined
      ? []
      : [{ ...common, op: 'forget-issuer', reason: 'no longer wanted', input: { owner } }];
  if (observed !== undefined && isSame(desired, observed)) return [];
  const reason = observed === undefined ? 'missing' : 'differs';
  return [{ ...common, op: 'prepare-issuer', reason, input: { owner, work: desired } }];
}

/** What is made by the look itself is not compared. */
function isSame(desired: IssuerWork, observed: IssuerWork): boolean {
  return isEqual(comparedOf(desired), comparedOf(observed));
}

function comparedOf({ issuer, secretVersions, request }: IssuerWork): unknown {
  return { kind: issuer.kind, name: issuer.name, spec: issuer.spec, secretVersions, request };
}
