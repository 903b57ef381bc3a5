import { setTimeout as delay } from 'node:timers/promises';
import { HostError } from '#runtime/base/errors.ts';
import type { Client, ResourceType, WatchEvent } from '#runtime/client/client.ts';
import { SimulatedCrash, type FaultSwitch } from '#runtime/host/memory/memory-faults.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/** A process that dies at a chosen effect: a change of its machine or a write to the API, whichever comes. */
export interface Mortal extends FaultSwitch {
  /** Resolves when it has died. */
  readonly died: Promise<void>;
  readonly isDead: boolean;
}

/** Lives through `effects` effects and dies before the next; for ever unless given. A dead one stays dead: start another. */
export function createMortal(effects = Number.POSITIVE_INFINITY): Mortal {
  const death = Promise.withResolvers<void>();
  let [done, last, isDead] = [0, effects, false];
  return {
    died: death.promise,
    get isDead() {
      return isDead;
    },
    get effects() {
      return done;
    },
    crashAfter: (count) => {
      last = done + count;
    },
    recover: () => {
      last = Number.POSITIVE_INFINITY;
    },
    beforeEffect: () => {
      if (done >= last) {
        isDead = true;
        death.resolve();
        throw new SimulatedCrash();
      }
      done += 1;
    },
  };
}

/** What goes wrong between a process and the server. */
export interface Faults {
  /** Dies by its writes, too. Events are no effects: nothing hangs on them. */
  readonly mortal: Mortal;
  /** The write of this number (from 1) is carried out, and its answer is lost. */
  readonly losesAnswer?: number;
  /** The write of this number never reaches the server. */
  readonly losesRequest?: number;
  /** How late a change is seen. */
  readonly lagMs?: () => number;
  /** Called for every write. */
  readonly onWrite?: (text: string, body: unknown) => void;
  /** What stands between the process and its client. */
  readonly through?: (client: Client) => Client;
}

/** A client to which all of this happens. */
export function faultyClient(client: Client, faults: Faults): Client {
  let writes = 0;
  const write = async <T>(verb: string, type: ResourceType, call: () => Promise<T>, body?: unknown): Promise<T> => {
    if (type.kind === 'Event') return faults.mortal.isDead ? await Promise.reject(new SimulatedCrash()) : await call();
    faults.mortal.beforeEffect();
    writes += 1;
    faults.onWrite?.(`${verb} ${type.kind}`, body);
    if (writes === faults.losesRequest) throw new HostError('the connection broke before the request was sent');
    const answer = await call();
    if (writes === faults.losesAnswer) throw new HostError('the connection broke before the answer came');
    return answer;
  };
  return {
    ...client,
    create: async (type, ...rest) => await write('create', type, async () => await client.create(type, ...rest)),
    replace: async (type, ...rest) => await write('replace', type, async () => await client.replace(type, ...rest)),
    patch: async (type, ...rest) => await write('patch', type, async () => await client.patch(type, ...rest)),
    apply: async (type, ...rest) => await write('apply', type, async () => await client.apply(type, ...rest), rest),
    delete: async (type, ...rest) => await write('delete', type, async () => await client.delete(type, ...rest)),
    watch: (type, options) => lagging(client.watch(type, options), faults),
  };
}

/** Events in their order, each a while after it happened. */
async function* lagging<T extends KubeObject>(
  events: AsyncIterable<WatchEvent<T>>,
  { lagMs }: Faults,
): AsyncGenerator<WatchEvent<T>> {
  for await (const event of events) {
    if (lagMs !== undefined) await delay(lagMs());
    yield event;
  }
}
