import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { DatabaseServer } from '#schemas/v1alpha1/database-server.ts';
import type { Client } from '#runtime/client/client.ts';

/** An external server as it is declared; plain data. */
export interface ServerWork {
  readonly name: string;
  readonly spec: Pick<DatabaseServer['spec'], 'engine' | 'external' | 'versions'>;
  /** Other servers elsewhere that are declared, in order of name. */
  readonly others: readonly string[];
  /** Whose an administrator says that it was: an installation, or a DatabaseServer of this one. */
  readonly confirmed?: string;
  /** resourceVersion of the Secret with its administrator; empty while that is not there. */
  readonly secretVersion: string;
  /** Goes up when it is time to look again, or somebody asks for it. */
  readonly look: string;
  /** Of what was found. */
  readonly version?: string;
}

/** `undefined`: nobody has to look. */
export type ServerLook = ServerWork | undefined;

/** Looks at a server and gives its version. PostponedError where it cannot be used. */
export type LookAtServer = (work: ServerWork, client: Client, signal: AbortSignal) => Promise<string>;

export type LooksAction =
  | Action<'database-looks', 'look-at-server', { readonly owner: Owner; readonly work: ServerWork }>
  | Action<'database-looks', 'forget-server', { readonly owner: Owner }>;

interface World {
  readonly client: Client;
}

/** Whether a server elsewhere can be used, before anybody has something on it. */
export function createLooksDriver<W extends World>(
  lookAt: LookAtServer,
): Driver<'database-looks', ReadonlyMap<string, ServerWork>, ServerLook, LooksAction, W> {
  const memory = new Map<string, ServerWork>();
  return {
    name: 'database-looks',
    nothing: undefined,
    looks: ['look-at-server', 'forget-server'],
    normalize: (desired) => desired,
    observe: () => Promise.resolve(memory),
    advance: (snapshot) => snapshot,
    of: (owner, snapshot) => snapshot.get(ownerId(owner)),
    plan: planLook,
    apply: async (action, { client }, signal) => {
      const id = ownerId(action.input.owner);
      if (action.op === 'forget-server') return void memory.delete(id);
      const { work } = action.input;
      memory.delete(id);
      memory.set(id, { ...work, version: await lookAt(work, client, signal) });
    },
  };
}

function planLook(owner: Owner, desired: ServerLook, observed: ServerLook): readonly LooksAction[] {
  const common = { driver: 'database-looks', subject: ownerId(owner), disruption: 'none', changes: [] } as const;
  if (desired === undefined)
    return observed === undefined
      ? []
      : [{ ...common, op: 'forget-server', reason: 'no longer wanted', input: { owner } }];
  const { version: _, ...before } = observed ?? {};
  if (isEqual(desired, before)) return [];
  return [{ ...common, op: 'look-at-server', reason: 'to be looked at', input: { owner, work: desired } }];
}
