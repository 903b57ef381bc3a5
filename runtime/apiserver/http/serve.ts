import { randomUUID } from 'node:crypto';
import type { Clock } from '#runtime/base/clock.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { forbiddenRequest } from '#runtime/apiserver/auth/forbidden.ts';
import { negotiateAccept, plainOffers, yamlType } from '#runtime/apiserver/codec/media-type.ts';
import type { Impersonator } from '#runtime/apiserver/auth/impersonation.ts';
import type {
  Authenticator,
  Authorizer,
  Decision,
  RequestAttributes,
  UserInfo,
} from '#runtime/apiserver/operations.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { jsonAnswer, yamlAnswer, type Answer, type Relay, type Stream } from './answer.ts';
import { statusOf } from './api-errors.ts';
import { auditLine, type AuditSink, type AuditStage } from './audit.ts';
import type { Exchange } from './exchange.ts';
import type { FlowControl } from './flow-control.ts';
import { attributesOf, type Attributes } from './request-attributes.ts';
import { readBody } from './read-body.ts';
import { parseTarget, type RequestTarget } from './request-path.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { commonHeaders, send } from './send.ts';

/** A request that has passed authentication and authorization. */
export interface Admitted {
  readonly exchange: Exchange;
  readonly target: RequestTarget;
  readonly attributes: Attributes & RequestAttributes;
  readonly user: UserInfo;
  /** Reads the body, once. */
  readonly body: () => Promise<Buffer>;
  readonly warn: (text: string) => void;
}

export interface ServeOptions {
  readonly authenticator: Authenticator;
  readonly impersonator: Impersonator;
  readonly authorizer: Authorizer;
  readonly flow: FlowControl;
  readonly metrics: RequestMetrics;
  readonly audit: AuditSink | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Carries out what was let in. Errors become a Status. */
  readonly route: (request: Admitted) => Promise<Answer | Stream | Relay>;
}

/** What is found out about a request on its way through the chain; what is missing at an error is missing in the audit log. */
interface Passage {
  readonly exchange: Exchange;
  readonly auditId: string;
  readonly receivedMs: number;
  readonly warnings: string[];
  attributes: (Attributes & RequestAttributes) | undefined;
  user: UserInfo | undefined;
  impersonated: UserInfo | undefined;
  decision: Decision | undefined;
}

const mutating = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * The chain that every request goes through: audit id → attributes → authentication → impersonation → bounds on what is in flight →
 * authorization → the verb. Answers every request, whatever happens, and never rejects.
 */
export function createServe(options: ServeOptions): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    const passage = newPassage(exchange, options.clock.now());
    try {
      const answer = await pass(options, passage);
      if (answer !== undefined) await finish(options, passage, answer);
    } catch (err) {
      options.log.error({ err, auditId: passage.auditId }, 'request could not be answered');
      exchange.response.destroy();
    }
  };
}

function newPassage(exchange: Exchange, receivedMs: number): Passage {
  const given = exchange.headers['audit-id'];
  const auditId = typeof given === 'string' && /^[-\w]{1,64}$/u.test(given) ? given : randomUUID();
  return {
    exchange,
    auditId,
    receivedMs,
    warnings: [],
    attributes: undefined,
    user: undefined,
    impersonated: undefined,
    decision: undefined,
  };
}

/** The answer that is still to be sent; undefined when one was written as it came about and has ended. */
async function pass(options: ServeOptions, passage: Passage): Promise<Answer | undefined> {
  let leave: (() => void) | undefined;
  try {
    const request = await admit(options, passage);
    const { user, exchange } = request;
    const enter = (): void => void (leave = options.flow.enter(user, mutating.has(exchange.method)));
    const pause = (): void => {
      leave?.();
      leave = undefined;
    };
    enter();
    authorize(options, passage, request.attributes);
    const body = async (): Promise<Buffer> => {
      pause();
      const received = await options.flow.receive(user, (signal) => readBody(exchange.request, signal));
      enter();
      return received;
    };
    const answer = await options.route({ ...request, body });
    if (!('pipe' in answer)) return answer;
    pause();
    await ('relayed' in answer ? relay(options, passage, answer) : stream(options, passage, answer));
    return undefined;
  } catch (err) {
    return failed(options, passage, err);
  } finally {
    leave?.();
  }
}

async function admit(options: ServeOptions, passage: Passage): Promise<Omit<Admitted, 'body'>> {
  const { exchange } = passage;
  const target = parseTarget(exchange.url);
  const plain = attributesOf(exchange.method, target);
  const { authorization } = exchange.headers;
  const credentials = {
    ...(exchange.certificate === undefined ? {} : { certificate: exchange.certificate }),
    ...(authorization === undefined ? {} : { authorization }),
  };
  passage.user = await options.authenticator.authenticate(credentials);
  const user = options.impersonator.impersonate(passage.user, exchange.rawHeaders);
  if (user !== passage.user) passage.impersonated = user;
  const attributes = { ...plain, user };
  passage.attributes = attributes;
  return { exchange, target, attributes, user, warn: (text) => passage.warnings.push(text) };
}

function authorize(options: ServeOptions, passage: Passage, attributes: RequestAttributes): void {
  const decision = options.authorizer.authorize(attributes);
  passage.decision = decision;
  if (!decision.allowed) throw forbiddenRequest(attributes, decision.reason);
}

async function finish(options: ServeOptions, passage: Passage, answer: Answer): Promise<void> {
  const { exchange, auditId, warnings, attributes, receivedMs } = passage;
  await send(exchange, answer, { auditId, warnings });
  options.metrics.answered(attributes, answer.status, options.clock.now() - receivedMs);
  audit(options, passage, { stage: 'ResponseComplete', status: answer.status, reason: reasonOf(answer) });
}

const reasons = new WeakMap<Answer, string>();

function reasonOf(answer: Answer): string {
  return reasons.get(answer) ?? '';
}

function failed(options: ServeOptions, passage: Passage, err: unknown): Answer {
  const status = statusOf(err);
  if (!(err instanceof ApiError)) options.log.error({ err, auditId: passage.auditId }, 'request failed');
  const retryAfter = status.details?.retryAfterSeconds;
  const headers = retryAfter === undefined ? undefined : { 'Retry-After': String(retryAfter) };
  const isYaml = negotiateAccept(passage.exchange.headers.accept, plainOffers)?.type === yamlType;
  const answer = (isYaml ? yamlAnswer : jsonAnswer)(status.code, status, headers);
  reasons.set(answer, status.reason ?? '');
  return answer;
}

async function stream(options: ServeOptions, passage: Passage, answer: Stream): Promise<void> {
  const { exchange, auditId, warnings } = passage;
  const { response } = exchange;
  response.writeHead(200, { ...commonHeaders({ auditId, warnings }), 'Content-Type': answer.contentType });
  response.flushHeaders();
  await followed(options, passage, { status: 200, ended: answer.pipe(response) });
}

async function relay(options: ServeOptions, passage: Passage, answer: Relay): Promise<void> {
  const { auditId, warnings } = passage;
  await followed(options, passage, {
    status: answer.relayed,
    ended: answer.pipe(commonHeaders({ auditId, warnings })),
  });
}

/** Counts and notes an answer that takes its time. */
async function followed(
  options: ServeOptions,
  passage: Passage,
  { status, ended }: { readonly status: number; readonly ended: Promise<void> },
): Promise<void> {
  const { attributes } = passage;
  audit(options, passage, { stage: 'ResponseStarted', status, reason: '' });
  const leave = attributes === undefined ? undefined : options.metrics.streaming(attributes);
  try {
    await ended;
  } finally {
    leave?.();
    audit(options, passage, { stage: 'ResponseComplete', status, reason: '' });
  }
}

function audit(
  options: ServeOptions,
  passage: Passage,
  outcome: { readonly stage: AuditStage; readonly status: number; readonly reason: string },
): void {
  if (options.audit === undefined) return;
  const { stage, status, reason } = outcome;
  options.audit(auditLine({ ...passage, status, reason }, stage, options.clock.now()));
}
