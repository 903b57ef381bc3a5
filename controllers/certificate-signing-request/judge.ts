import { InvalidError } from '#runtime/base/errors.ts';
import { parseCertificateRequest, valuesIn, type CertificateRequest } from '#runtime/pki/certificate-request.ts';
import { hostOfAgent, JOIN_ACCOUNT, systemUserOf } from '#schemas/meta/names.ts';
import type { AskedCertificate, Verdict } from './model.ts';
import { CERTIFICATE_SIGNING_REQUEST_REASONS as reasons } from './reasons.ts';

/** Beyond this a certificate that got lost would be good for too long: nobody can call it back. */
const maxLifeSeconds = 90 * 24 * 3_600;
const clientUsages: readonly string[] = ['client auth', 'digital signature'];
const credentialId = 'authentication.kubernetes.io/credential-id';
const tokenPattern = /^JTI=([0-9a-f-]{36})$/;
const clientSigner = 'kubernetes.io/kube-apiserver-client';

/** Whether it is ours to judge: a request by an agent or with a join token. All others are left alone. */
export function isOfHost({ signerName, username = '' }: AskedCertificate): boolean {
  return signerName === clientSigner && (isJoining(username) || hostOfAgent(username) !== undefined);
}

/** The host whose agent the request wants to be; `undefined` when it wants to be anybody else, or more than that. */
export function hostAskedFor(asked: AskedCertificate): string | undefined {
  const request = readRequest(asked);
  if (request === undefined || !isPlainly(request)) return undefined;
  return hostOfAgent(valuesIn(request, 'CN')[0] ?? '');
}

/** What a request is judged by. */
interface Case {
  readonly asked: AskedCertificate;
  readonly host: string | undefined;
  readonly isHostThere: boolean;
  /** Of the token by which the server knew who asks; `undefined` when it was a certificate. */
  readonly token: string | undefined;
}

/** The first that holds is what is said. */
const objections: readonly (readonly [reason: keyof typeof reasons, holds: (about: Case) => boolean])[] = [
  ['OtherUse', ({ asked, host }) => host === undefined || !isForClients(asked)],
  ['OtherHost', ({ asked, host }) => !isJoining(asked.username) && hostOfAgent(asked.username ?? '') !== host],
  ['LifeTooLong', ({ asked }) => (asked.expirationSeconds ?? Number.POSITIVE_INFINITY) > maxLifeSeconds],
  ['HostUnknown', ({ isHostThere }) => !isHostThere],
  // Who has a token of a host's account, and not the machine's key, is not the machine.
  ['NotOfCommand', ({ asked, token }) => isJoining(asked.username) !== (token !== undefined)],
];

/** Pure; `isHostThere` is about the host that is asked for. A token has still to be found unused. */
export function judge(asked: AskedCertificate, isHostThere: boolean): Verdict {
  const [host, token] = [hostAskedFor(asked), tokenOf(asked)];
  const objection = objections.find(([, holds]) => holds({ asked, host, isHostThere, token }));
  if (objection !== undefined) return denied(objection[0]);
  const approved = { type: 'Approved', reason: 'AgentOfHost', message: reasons.AgentOfHost } as const;
  return token === undefined || host === undefined ? approved : { ...approved, token: { id: token, host } };
}

export function denied(reason: keyof typeof reasons, more = ''): Verdict {
  return { type: 'Denied', reason, message: `${reasons[reason]}${more}` };
}

function isJoining(username = ''): boolean {
  return username === systemUserOf(JOIN_ACCOUNT);
}

function readRequest({ request }: AskedCertificate): CertificateRequest | undefined {
  try {
    return parseCertificateRequest(Buffer.from(request, 'base64').toString('utf8'));
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
    return undefined;
  }
}

/** One name and nothing else, so that it means the same to every signer. */
function isPlainly({ subject, hasAttributes, isPlain, isSigned }: CertificateRequest): boolean {
  const [only, ...more] = subject;
  return only?.type === 'CN' && more.length === 0 && !hasAttributes && isPlain && isSigned;
}

function isForClients({ usages = [] }: AskedCertificate): boolean {
  return usages.includes('client auth') && usages.every((usage) => clientUsages.includes(usage));
}

function tokenOf({ extra = {} }: AskedCertificate): string | undefined {
  return extra[credentialId]?.map((id) => tokenPattern.exec(id)?.[1]).find((id) => id !== undefined);
}
