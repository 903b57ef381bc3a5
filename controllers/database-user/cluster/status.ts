import { rfc3339 } from '#runtime/base/clock.ts';
import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { DatabaseUser, databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { besideOf, type Password, type Passwords } from '#controllers/database-user/passwords.ts';
import { toldPlace } from '#controllers/host-holders.ts';
import { stayingPlace } from '#controllers/staying-place.ts';
import { whereaboutsOf } from '#controllers/whereabouts.ts';
import type { DatabaseUserClusterInputs } from './gather.ts';
import { formerEndMs, nextRotationMs, type Asked } from './succession.ts';

type Fields = StatusPatch<typeof databaseUserKind>['fields'];

/** What the leader says: where it is, which passwords there are and until when, and whether they are in their Secrets. Of a new one nothing before its Databases are looked at. */
export function clusterStatus(
  user: DatabaseUser,
  { inputs, outcome }: { readonly inputs: DatabaseUserClusterInputs | undefined; readonly outcome: Outcome },
): StatusPatch<typeof databaseUserKind> | undefined {
  if (isAhead(user, outcome)) return undefined;
  const place = inputs === undefined ? whereaboutsOf(user.status) : toldPlace(user, stayingPlace(user, inputs));
  const { passwords, asked } = 'reason' in outcome ? {} : (inputs ?? {});
  const isKnown = passwords !== undefined && asked !== undefined;
  const conditions = [
    ...secretReady(user, inputs, outcome),
    ...(isKnown ? rotating(user, passwords, asked) : rotatingBefore(user)),
    ...(place.host === undefined ? [unplaced(outcome)] : []),
  ];
  const told = isKnown ? toldOf(passwords, asked) : toldBefore(user);
  return { fields: { ...place, ...told, ...secretVersionOf(user, inputs, outcome) }, conditions };
}

/** Nobody has looked at its Databases yet. */
function isAhead({ status }: DatabaseUser, outcome: Outcome): boolean {
  return status === undefined && 'reason' in outcome && outcome.reason === 'DatabaseNew';
}

/** Of a Secret that is as it should be. */
function secretVersionOf(
  { status }: DatabaseUser,
  inputs: DatabaseUserClusterInputs | undefined,
  outcome: Outcome,
): Fields {
  const isWritten = inputs?.connection !== undefined && !('reason' in outcome);
  const secretVersion = isWritten ? inputs.secretVersion : status?.secretVersion;
  return secretVersion === undefined ? {} : { secretVersion };
}

function toldOf(passwords: Passwords, asked: Asked): Fields {
  const { rotatedAt, rotatedFor } = passwords;
  const beside = besideOf(passwords);
  const nextMs = nextRotationMs(passwords, asked);
  return {
    passwords: passwords.passwords.map(({ id, login, state }) => ({ id, login, state })),
    rotatedAt,
    ...(rotatedFor === undefined ? {} : { rotatedFor }),
    ...(beside?.state === 'Former' ? { formerPasswordUntil: rfc3339(formerEndMs(passwords, asked)) } : {}),
    ...(nextMs === undefined ? {} : { nextRotationAt: rfc3339(nextMs) }),
  };
}

function toldBefore({ status = {} }: DatabaseUser): Fields {
  const { passwords, rotatedAt, rotatedFor, formerPasswordUntil, nextRotationAt } = status;
  return {
    ...(passwords === undefined ? {} : { passwords }),
    ...(rotatedAt === undefined ? {} : { rotatedAt }),
    ...(rotatedFor === undefined ? {} : { rotatedFor }),
    ...(formerPasswordUntil === undefined ? {} : { formerPasswordUntil }),
    ...(nextRotationAt === undefined ? {} : { nextRotationAt }),
  };
}

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

function secretReady(
  { metadata, spec }: DatabaseUser,
  inputs: DatabaseUserClusterInputs | undefined,
  outcome: Outcome,
): readonly Statement[] {
  if (metadata.deletionTimestamp !== undefined) return [];
  const type = 'SecretReady';
  if ('reason' in outcome) return [{ type, status: 'False', reason: outcome.reason, message: outcome.message }];
  if (inputs?.connection === undefined) {
    const message = 'The server is given its password first.';
    return [{ type, status: 'False', reason: 'SecretNotReady', message }];
  }
  const message = `Secret ${spec.secretName} has the connection.`;
  return [{ type, status: 'True', reason: 'Written', message }];
}

/** There while it has two passwords. */
function rotating({ spec }: DatabaseUser, passwords: Passwords, asked: Asked): readonly Statement[] {
  const beside = besideOf(passwords);
  if (beside === undefined) return [];
  const said = (reason: string, message: string) => [{ type: 'Rotating', status: 'True', reason, message } as const];
  if (beside.state === 'Next')
    return spec.drift === 'Observe'
      ? said('HeldBack', 'The server is not given the next password as long as spec.drift is Observe.')
      : said('NextPassword', nextMessage(beside, asked));
  const { request = passwords.rotatedFor } = asked;
  const more = request === passwords.rotatedFor ? '' : ' The next one that is asked for is made then.';
  return said('GracePeriod', `The password before works until ${rfc3339(formerEndMs(passwords, asked))}.${more}`);
}

function nextMessage({ id }: Password, { accepted }: Asked): string {
  return accepted.includes(id)
    ? 'The server takes the next password, and the one before goes on working until that is in the Secret.'
    : 'The server is given the next password.';
}

function rotatingBefore({ status }: DatabaseUser): readonly Statement[] {
  const before = findCondition(status?.conditions, 'Rotating');
  if (before === undefined) return [];
  return [{ type: before.type, status: before.status, reason: before.reason, message: before.message }];
}

/** Once it has a host, its agent says whether it is ready. */
function unplaced(outcome: Outcome): Statement {
  const said = { reason: 'DatabaseNotReady', message: 'Its Databases have no host yet.' };
  const { reason, message } = 'reason' in outcome ? outcome : said;
  return { type: 'Ready', status: 'False', reason, message };
}

/** When something is to be done that no change announces. What is past is waited for no more: it is on its way. Pure. */
export function dueAt({ status = {} }: DatabaseUser, nowMs: number): number | undefined {
  const times = [status.formerPasswordUntil, status.nextRotationAt]
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time))
    .filter((atMs) => atMs > nowMs);
  return times.length === 0 ? undefined : Math.min(...times);
}
