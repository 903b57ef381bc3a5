import { isTrue } from '#schemas/meta/conditions.ts';
import { AcmeProblem, RefusedError } from '#runtime/base/errors.ts';
import type { Clock } from '#runtime/base/clock.ts';
import { rfc3339 } from '#runtime/base/clock.ts';
import type { AcmeAccount, AcmeChallenge, Authorization, Order } from '#runtime/acme/account.ts';
import { sayingOf } from '#runtime/acme/problem.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { requestForNames } from '#runtime/pki/issue.ts';
import { challengeNameOf, challengesOf, putChallenges, type Showing } from './challenges.ts';
import type { CertificateOrder } from './model.ts';
import type { Issuance, Notes } from './notes.ts';
import type { NameInVain } from './pre-checks.ts';
import { challengeTypeFor } from '#controllers/solvers.ts';

/** What an order is carried on with. */
export interface Ordering {
  readonly account: AcmeAccount;
  readonly order: CertificateOrder;
  readonly issuance: Issuance;
  readonly notes: Notes;
  readonly owner: Owner;
  /** PEM. */
  readonly key: string;
  /** How its CA knows the certificate that serves now, if it can. */
  readonly replaces: string | undefined;
  /** The CA has taken a new order. */
  readonly onTaken: () => void;
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A chain (PEM), or what is waited for. */
export type Ordered = { readonly chain: string } | Awaited;

/** What is waited for; `isBrief`: it has just begun, and is not worth a word unless it is still so when it is looked at again. */
export interface Awaited {
  readonly step: WaitingStep;
  readonly message: string;
  readonly afterMs: number;
  readonly isBrief?: boolean;
}

export type WaitingStep = 'Presenting' | 'Ordering' | 'Paced' | NameInVain['reason'];

/** Answers of a CA come quickly or not: so long is waited in one look before others have their turn. */
const patienceMs = 3_000;
const firstPollMs = 50;
const longestPollMs = 1_000;
/** Whether something is to be seen is told by a watch; this only mends what was missed. */
const presentingMs = 60_000;
/** Most is seen by then. */
const briefMs = 1_000;

/**
 * Carries an order on as far as it goes now (RFC 8555 §7.4): from whatever state the CA says that it is in, so that it does not matter where the last attempt ended.
 * AcmeProblem with the names that the CA refused when the order has failed.
 */
export async function carryOn(ordering: Ordering): Promise<Ordered> {
  const { account, clock, signal } = ordering;
  const url = await orderUrl(ordering);
  const giveUpAt = clock.now() + patienceMs;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
    const state = await account.order(url);
    const ordered = await step(state, ordering);
    if (ordered !== undefined) return ordered;
    const waitMs = Math.max(pollMs, state.retryAfterMs ?? 0);
    if (clock.now() + waitMs > giveUpAt)
      return { step: 'Ordering', message: 'The CA is working on it.', afterMs: waitMs };
    await clock.sleep(waitMs, signal);
  }
}

/** What an order needs next of us; `undefined` while it is the CA's turn. */
async function step(state: Order, ordering: Ordering): Promise<Ordered | undefined> {
  const { account, order, issuance, key } = ordering;
  switch (state.status) {
    case 'valid':
      return { chain: await account.certificate(state, order.issuer.spec.acme?.preferredChain) };
    case 'invalid':
      throw await failureOf(state, account);
    case 'ready':
      await account.finalize(state, await requestForNames(issuance.dnsNames ?? order.dnsNames, key));
      return undefined;
    case 'pending':
      return await showNames(state, ordering);
    case 'processing':
      return undefined;
  }
}

/** The order that is on its way: noted before and after the CA hears of it. */
async function orderUrl({ account, order, issuance, replaces, notes, clock, onTaken }: Ordering): Promise<string> {
  if (issuance.orderURL !== undefined) return issuance.orderURL;
  const intended = { ...issuance, orderIntendedAt: rfc3339(clock.now()) };
  await notes.write(intended);
  const { profile } = order.issuer.spec.acme ?? {};
  const made = await account.createOrder(issuance.dnsNames ?? order.dnsNames, { profile, replaces });
  onTaken();
  await notes.write({ ...intended, orderURL: made.url });
  return made.url;
}

/** Has everything shown that the CA still wants to see, and tells it so for what is to be seen. `undefined`: the CA is looking. */
async function showNames(state: Order, ordering: Ordering): Promise<Ordered | undefined> {
  const { account, owner, cache } = ordering;
  const authorizations = await Promise.all(state.authorizations.map(async (url) => await account.authorization(url)));
  const open = authorizations.filter(({ status }) => status === 'pending');
  const wanted = await Promise.all(open.map(async (authorization) => await showingFor(authorization, ordering)));
  const isBrief = await putChallenges(
    wanted.map(({ showing }) => showing),
    ordering,
  );
  const seen = new Set(
    challengesOf(owner, cache)
      .filter(({ status }) => isTrue(status?.conditions, 'Ready'))
      .map(({ metadata }) => metadata.name),
  );
  const isSeen = ({ showing }: (typeof wanted)[number]): boolean => seen.has(challengeNameOf(owner, showing));
  const told = wanted.filter((each) => isSeen(each) && each.challenge.status === 'pending');
  await Promise.all(told.map(async ({ challenge }) => await tellSeen(account, challenge)));
  const unseen = wanted.filter((each) => !isSeen(each)).map(({ showing }) => showing.dnsName);
  if (unseen.length === 0) return undefined;
  const message = `The CA waits to see that ${unseen.slice(0, 3).join(', ')} is ours.`;
  return { step: 'Presenting', message, afterMs: isBrief ? briefMs : presentingMs, isBrief };
}

/** A CA that has looked since takes no second word for it: what came of that the order says. */
async function tellSeen(account: AcmeAccount, challenge: AcmeChallenge): Promise<void> {
  try {
    await account.accept(challenge);
  } catch (err) {
    if (!(err instanceof AcmeProblem) || err.type !== 'malformed') throw err;
  }
}

async function showingFor(
  authorization: Authorization,
  { account, order }: Ordering,
): Promise<{ readonly showing: Showing; readonly challenge: AcmeChallenge }> {
  const { dnsName, challenges } = authorization;
  const type = challengeTypeFor(authorization, order.issuer.spec.acme?.solvers ?? []);
  const challenge = challenges.find((each) => each.type === type?.toLowerCase());
  if (type === undefined || challenge === undefined) {
    const name = authorization.isWildcard ? `*.${dnsName}` : dnsName;
    throw new RefusedError(
      'NoSolver',
      `The issuer has no way to show the CA that ${name} is ours; a wildcard needs dns01.`,
    );
  }
  const key = await account.answerTo(challenge);
  return { showing: { type, dnsName, token: challenge.token, key }, challenge };
}

/** Which names the CA refused, and in which words. */
async function failureOf(state: Order, account: AcmeAccount): Promise<AcmeProblem> {
  const authorizations = await Promise.all(state.authorizations.map(async (url) => await account.authorization(url)));
  const names = authorizations
    .filter(({ status }) => status === 'invalid')
    .map(({ dnsName, isWildcard, challenges }) => {
      const { error } = challenges.find(({ status }) => status === 'invalid') ?? {};
      const { message } = sayingOf(error);
      return { dnsName: isWildcard ? `*.${dnsName}` : dnsName, message: message === '' ? 'refused' : message };
    });
  const { message } = sayingOf(state.error);
  const [first] = names;
  const words = first === undefined ? message : `${first.dnsName}: ${first.message}`;
  // Whatever the reason was, and many a CA tells none of the order itself: this order will not be good again.
  return new AcmeProblem('orderInvalid', words === '' ? 'the order has failed' : words, { names });
}
