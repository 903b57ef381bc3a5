import type { Delegate } from '#runtime/dns/delegations.ts';
import type { OwnServers, ProofQuestion } from './proof.ts';

/** What the DNS says of a name; `undefined` for what nobody could tell. */
export interface Answers {
  /** Of each record. */
  readonly texts: readonly (readonly string[] | undefined)[];
  readonly delegates: readonly Delegate[] | undefined;
}

export type Found =
  | { readonly type: 'Record' | 'Delegation' | 'Nothing' | 'NoAnswer' }
  | { readonly type: 'Rival'; readonly tenant: string };

/**
 * What answers show. Pure.
 * | in the DNS                                                                          | shows           |
 * | the record of the tenant that claims the name                                       | Record          |
 * | else the record of a rival                                                          | Rival           |
 * | else our name servers, after it was seen with others, and nobody else wants the name | Delegation      |
 *
 * That a name has been with us all along shows nothing: whoever had it here before may have left it so.
 */
export function foundIn(question: ProofQuestion, answers: Answers, wasElsewhere: boolean): Found {
  const known = answers.texts.flatMap((each) => each ?? []);
  if (known.includes(question.challenge.value)) return { type: 'Record' };
  const rival = question.rivals.find(({ value }) => known.includes(value));
  if (rival !== undefined) return { type: 'Rival', tenant: rival.tenant };
  const isComing = wasElsewhere && question.rivals.length === 0 && isWithUs(answers.delegates, question.servers);
  if (isComing) return { type: 'Delegation' };
  return { type: answers.texts.includes(undefined) ? 'NoAnswer' : 'Nothing' };
}

/** Whether a name is delegated to others, or to nobody. */
export function isElsewhere({ delegates }: Answers, servers: OwnServers): boolean {
  return delegates !== undefined && !isWithUs(delegates, servers);
}

/** All of its servers are ours: by the names that an administrator gave them, or by the addresses that stand beside their names. */
function isWithUs(delegates: readonly Delegate[] | undefined, { names, addresses }: OwnServers): boolean {
  if (delegates === undefined || delegates.length === 0) return false;
  return delegates.every(
    (server) =>
      names.includes(server.name) ||
      (server.addresses.length > 0 && server.addresses.every((address) => addresses.includes(address))),
  );
}
