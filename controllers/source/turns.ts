import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { ownerId, type Owner } from '#runtime/drivers/driver.ts';

/** Who is looked at now, so that no tenant whose Git servers never answer keeps everybody else waiting. */
export interface Turns {
  begin(owner: Owner): void;
  end(owner: Owner): void;
  /** By `ownerId`. */
  isBusy(owner: string): boolean;
  /** As many Sources of the namespace are looked at as may be at once; the platform's own wait for nobody. */
  isCrowded(namespace: string): boolean;
}

const mostPerTenant = 2;

export function createTurns(): Turns {
  const busy = new Map<string, string>();
  return {
    begin: (owner) => void busy.set(ownerId(owner), owner.namespace),
    end: (owner) => void busy.delete(ownerId(owner)),
    isBusy: (owner) => busy.has(owner),
    isCrowded: (namespace) => {
      const count = [...busy.values()].filter((each) => each === namespace).length;
      return namespace !== SYSTEM_NAMESPACE && count >= mostPerTenant;
    },
  };
}
