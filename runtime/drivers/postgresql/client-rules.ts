import { networkText, parseNetwork } from '#runtime/base/networks.ts';
import { RefusedError, required } from '#runtime/base/errors.ts';
import { administrator } from './render.ts';

/** A line of pg_hba.conf: who is asked how who they are, and from where. The first line that is for a connection counts; where there is none, nobody gets in. */
export interface ClientRule {
  /** By the socket, or over the network with TLS; without TLS nobody is let in from there. */
  readonly type: 'local' | 'hostssl';
  /** One login, or all that are members of a role; everybody when absent. */
  readonly who?: { readonly login: string } | { readonly membersOf: string };
  /** As `networkText` writes it; of `hostssl` alone. */
  readonly network?: string;
  readonly method: 'peer' | 'scram-sha-256';
  /** Of pg_ident.conf; of `peer` alone. */
  readonly map?: string;
}

/** Members of a role, who may come from a network. */
export interface AdmittedNetwork {
  readonly network: string;
  readonly group: string;
}

/** Who is asked how who they are. It changes while the server runs, and is none of what it is started with. */
export function renderAdmissions(networks: readonly AdmittedNetwork[]): string {
  return renderClientRules([
    // The kernel tells who asks: root is the administrator, without a password; nobody else ever is.
    { type: 'local', who: { login: administrator }, method: 'peer', map: 'wcp360' },
    { type: 'local', method: 'scram-sha-256' },
    ...networks.map(({ network, group }): ClientRule => {
      return { type: 'hostssl', who: { membersOf: group }, network, method: 'scram-sha-256' };
    }),
  ]);
}

/** The file, rule by rule. RefusedError for a name that it cannot have. */
export function renderClientRules(rules: readonly ClientRule[]): string {
  return rules.map((rule) => `${ruleWords(rule).join(' ')}\n`).join('');
}

function ruleWords({ type, who, network, method, map }: ClientRule): readonly string[] {
  return [
    type,
    'all',
    whoWord(who),
    ...(network === undefined ? [] : [networkText(required(parseNetwork(network), 'a network'))]),
    method,
    ...(map === undefined ? [] : [`map=${quoted(map)}`]),
  ];
}

/** A sign before a quoted word still is one; within quotes it is a letter. */
function whoWord(who: ClientRule['who']): string {
  if (who === undefined) return 'all';
  return 'login' in who ? quoted(who.login) : `+${quoted(who.membersOf)}`;
}

/** The file knows no way to write a line's end in a word, and ends a word with a quote that stands alone. */
function quoted(word: string): string {
  if (word === '' || /[\n\r\0]/.test(word) || !word.isWellFormed())
    throw new RefusedError('NameRefused', `PostgreSQL cannot have rules for the name ${JSON.stringify(word)}.`);
  return `"${word.replaceAll('"', '""')}"`;
}
