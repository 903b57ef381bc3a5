import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** Who holds a host's Lease, and for how long nothing was heard. */
export interface Heartbeat {
  /** Empty: nobody ever did. */
  readonly holder: string;
  readonly silentMs: number;
}

/**
 * Tells how long ago a Lease was renewed. What its holder writes as the time is only compared with what it wrote before, never with a clock of ours:
 * a machine whose clock is wrong is as alive as any other. A leader who has just begun counts from its first look.
 */
export interface Heartbeats {
  of(lease: KubeObject): Heartbeat;
}

/** `uptimeMs` is a clock that nobody can set. */
export function createHeartbeats(uptimeMs: () => number): Heartbeats {
  const heard = new Map<string, { readonly renewal: string; readonly atMs: number }>();
  return {
    of: (lease) => {
      const { name } = lease.metadata;
      const spec = isRecord(lease['spec']) ? lease['spec'] : {};
      const { holderIdentity: holder = '', renewTime = '' } = spec as {
        readonly holderIdentity?: string;
        readonly renewTime?: string;
      };
      const renewal = `${holder} ${renewTime}`;
      const before = heard.get(name);
      const last = before?.renewal === renewal ? before : { renewal, atMs: uptimeMs() };
      heard.set(name, last);
      return { holder, silentMs: uptimeMs() - last.atMs };
    },
  };
}
