import { findCondition, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { Database, databaseKind } from '#schemas/v1alpha1/database.ts';
import type { Outcome, StatusPatch } from '#runtime/manager/controller.ts';
import { attemptsOf } from '#controllers/attempts.ts';
import { saidOfServer } from '#controllers/database-server.ts';
import { driftedOf } from '#controllers/drifted.ts';
import { supportedOf } from '#controllers/server-end-of-life.ts';
import type { Elsewhere } from '#controllers/server-use.ts';
import { defined } from '#controllers/whereabouts.ts';
import { fullOf, sizeFieldsOf, type SizeInputs } from './size.ts';

type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** Everything about the world that a Database on this host depends on. */
export interface DatabaseHostInputs extends SizeInputs, Elsewhere {
  /** What it is called on the server. */
  readonly databaseName: string;
  /** Absent while it is being deleted. */
  readonly serverVersion?: string;
  /** RFC 3339; absent where it is not known. */
  readonly serverEndOfLife?: string;
  /** Whether the server still lists it; absent where nothing is to be adopted. */
  readonly mayAdopt?: boolean;
  readonly isSuspended: boolean;
  /** Whether there is an object that tells what it leaves. */
  readonly isNoted: boolean;
}

interface StatusSource {
  readonly inputs: DatabaseHostInputs | undefined;
  readonly outcome: Outcome;
  readonly now: string;
}

/** What the agent says: Ready, Full, Drifted and ServerSupported, what it is called, and how large it is. */
export function databaseStatus(
  database: Database,
  { inputs, outcome, now }: StatusSource,
): StatusPatch<typeof databaseKind> {
  // Told once it is there: who uses it goes by that.
  const databaseName = outcome.phase === 'synced' ? inputs?.databaseName : database.status?.databaseName;
  const full = inputs === undefined ? keptConditions(database, 'Full') : fullOf(database, inputs);
  const ready = saidOfServer(database, outcome, {
    isSuspended: inputs?.isSuspended === true,
    full: full.find(({ status }) => status === 'True')?.message,
    available: 'The database can be used.',
  });
  return {
    fields: {
      ...(databaseName === undefined ? {} : { databaseName }),
      ...(inputs === undefined ? keptFields(database) : fieldsOf(database, inputs)),
      ...attemptsOf(outcome),
    },
    conditions: [ready, ...full, ...driftedOf(outcome), ...supportedOf(inputs ?? {}, now)],
  };
}

type Fields = StatusPatch<typeof databaseKind>['fields'];

function fieldsOf(database: Database, inputs: DatabaseHostInputs): Fields {
  const { serverVersion, serverEndOfLife } = inputs;
  return {
    ...(serverVersion === undefined ? {} : { serverVersion }),
    ...(serverEndOfLife === undefined ? {} : { serverEndOfLife }),
    ...sizeFieldsOf(database, inputs),
  };
}

/** What was found before, while nothing can be found. */
function keptFields({ status = {} }: Database): Fields {
  const { serverVersion, serverEndOfLife, size, sizeWhenFull, limits } = status;
  return defined({ serverVersion, serverEndOfLife, size, sizeWhenFull, limits });
}

function keptConditions({ status }: Database, type: string): readonly Statement[] {
  const found = findCondition(status?.conditions, type);
  return found === undefined ? [] : [{ type, status: found.status, reason: found.reason, message: found.message }];
}
