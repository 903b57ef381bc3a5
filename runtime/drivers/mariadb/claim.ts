import { RefusedError } from '#runtime/base/errors.ts';
import { mayHave, type Claimant } from '#runtime/drivers/databases/model.ts';
import { readMarks, type Mark, type MarkKind } from './marks.ts';
import type { Server } from './server.ts';

/**
 * The mark of what is there under a name for its owner; `undefined` where there is neither. RefusedError `NameTaken` where somebody has it by now, be it by
 * hand (`isThere`) or for another object.
 */
export async function claim(
  server: Server,
  kind: MarkKind,
  claimant: Claimant,
  isThere: boolean,
): Promise<Mark | undefined> {
  const { name } = claimant;
  const [mark] = await readMarks(server, kind, [name]);
  if (mark === undefined ? isThere && claimant.adopts !== true : !mayHave(claimant, mark.owner))
    throw new RefusedError('NameTaken', `The database server has the ${kind} ${name} already, and it is not ours.`);
  return mark;
}

/** Whether it is there for this owner, who alone may drop it. */
export async function isOwn(server: Server, kind: MarkKind, { name, owner }: Claimant): Promise<boolean> {
  const [mark] = await readMarks(server, kind, [name]);
  return mark?.owner === owner;
}
