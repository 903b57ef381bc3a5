import type { RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import type { Exchange } from './exchange.ts';

/** Takes one line of the audit log, without a newline. Must not block. */
export type AuditSink = (line: string) => void;

/** What is known of a request once it was answered. */
export interface AuditRecord {
  readonly auditId: string;
  readonly exchange: Exchange;
  readonly attributes: RequestAttributes | undefined;
  /** Who the connection is; `impersonated` is who it asked to be. */
  readonly user: UserInfo | undefined;
  readonly impersonated: UserInfo | undefined;
  readonly decision: { readonly allowed: boolean; readonly reason: string } | undefined;
  readonly status: number;
  readonly reason: string;
  readonly receivedMs: number;
}

/** `ResponseStarted` is written for streams as they begin, `ResponseComplete` for everything at its end. */
export type AuditStage = 'ResponseStarted' | 'ResponseComplete' | 'Panic';

const secretParameters = /([?&](?:token|access_token)=)[^&]*/giu;

/** One audit.k8s.io/v1 Event at level Metadata: who, what and the outcome; never a body, so never a secret. */
export function auditLine(record: AuditRecord, stage: AuditStage, nowMs: number): string {
  const { exchange, attributes, user, impersonated, decision } = record;
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: record.auditId,
    stage,
    requestURI: exchange.url.replaceAll(secretParameters, '$1(secret)'),
    verb: attributes?.verb ?? exchange.method.toLowerCase(),
    user: user === undefined ? {} : userOf(user),
    ...(impersonated === undefined ? {} : { impersonatedUser: userOf(impersonated) }),
    sourceIPs: sourceAddresses(exchange),
    userAgent: exchange.headers['user-agent'] ?? '',
    ...(attributes?.resourceRequest === true ? { objectRef: referenceOf(attributes) } : {}),
    responseStatus: {
      metadata: {},
      ...(record.reason === '' ? {} : { status: 'Failure', reason: record.reason }),
      code: record.status,
    },
    requestReceivedTimestamp: microTime(record.receivedMs),
    stageTimestamp: microTime(nowMs),
    annotations: decision === undefined ? {} : annotationsOf(decision),
  });
}

function annotationsOf(decision: NonNullable<AuditRecord['decision']>): Readonly<Record<string, string>> {
  const { allowed, reason } = decision;
  return { 'authorization.k8s.io/decision': allowed ? 'allow' : 'forbid', 'authorization.k8s.io/reason': reason };
}

function userOf(user: UserInfo): Readonly<Record<string, unknown>> {
  const { name, uid, groups, extra } = user;
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

function referenceOf(attributes: RequestAttributes): Readonly<Record<string, string>> {
  const { resource, namespace, name, group, version, subresource } = attributes;
  const entries = { resource, namespace, name, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== ''));
}

/** The connection's own address stands last: what comes before it is what the client says. */
function sourceAddresses(exchange: Exchange): readonly string[] {
  const forwarded = exchange.headers['x-forwarded-for'];
  const claimed = typeof forwarded === 'string' ? forwarded.split(',').map((part) => part.trim()) : [];
  return [...claimed.filter((part) => /^[0-9a-fA-F:.]{2,45}$/u.test(part)), exchange.remoteAddress];
}

function microTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, -1)}000Z`;
}
