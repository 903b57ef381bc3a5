import { findCondition } from '#schemas/meta/conditions.ts';
import type { DatabaseUser, databaseUserKind } from '#schemas/v1alpha1/database-user.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf } from '#controllers/attempts.ts';
import { saidOfServer } from '#controllers/database-server.ts';
import { driftedOf } from '#controllers/drifted.ts';
import { currentOf } from '#controllers/database-user/passwords.ts';
import type { DatabaseUserHostInputs } from './gather.ts';

interface StatusSource {
  readonly inputs: DatabaseUserHostInputs | undefined;
  readonly outcome: Outcome;
}

/** What the agent says: whether it can log in, under which name, and which passwords the server takes. Of a new one nothing before its Databases say something. */
export function userStatus(
  user: DatabaseUser,
  { inputs, outcome }: StatusSource,
): StatusPatch<typeof databaseUserKind> | undefined {
  if (isNew(user) && 'reason' in outcome && outcome.reason === 'DatabaseNew') return undefined;
  const said = saidOfServer(user, outcome, {
    isSuspended: inputs?.isSuspended === true,
    available: availableOf(user, inputs),
  });
  const isUnready = said.status === 'True' && inputs?.unready !== undefined;
  const ready = isUnready ? ({ type: 'Ready', status: 'False', ...inputs.unready } as const) : said;
  return {
    fields: { ...acceptedOf(user, { inputs, outcome }), ...attemptsOf(outcome) },
    conditions: [ready, ...driftedOf(outcome)],
  };
}

function isNew({ status }: DatabaseUser): boolean {
  return findCondition(status?.conditions, 'Ready') === undefined;
}

function availableOf({ spec }: DatabaseUser, inputs: DatabaseUserHostInputs | undefined): string {
  const { connections = spec.connections } = inputs?.limits ?? {};
  return connections < spec.connections
    ? `It can log in, with the ${String(connections)} sessions at once that the package and the server give.`
    : 'It can log in.';
}

/** What the server took last, it takes until it has taken something else. */
function acceptedOf(
  { status }: DatabaseUser,
  { inputs, outcome }: StatusSource,
): StatusPatch<typeof databaseUserKind>['fields'] {
  const { username, acceptedPasswords, server, remote } =
    inputs !== undefined && outcome.phase === 'synced' ? acceptedNow(inputs) : (status ?? {});
  return {
    ...(username === undefined ? {} : { username }),
    ...(acceptedPasswords === undefined ? {} : { acceptedPasswords }),
    ...(server === undefined ? {} : { server }),
    ...(remote === undefined ? {} : { remote }),
  };
}

function acceptedNow({ passwords, server, remote }: DatabaseUserHostInputs) {
  const username = passwords.find(({ id }) => id === currentOf({ passwords })?.id)?.username;
  return { username, server, remote, acceptedPasswords: passwords.map(({ id }) => id) };
}
