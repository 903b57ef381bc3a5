/** Thrown by an effect of the model machine at the chosen point, and by every effect after it: the process is dead. No Wcp360Error, so nothing catches it on purpose. */
export class SimulatedCrash extends Error {
  constructor() {
    super('simulated crash');
    this.name = 'SimulatedCrash';
  }
}

/** Counts effects and stops the world at one of them. */
export interface FaultSwitch {
  /** Effects carried out so far. */
  readonly effects: number;
  /** Lets `count` more effects happen; the one after them throws SimulatedCrash, and so do all later ones. */
  crashAfter(count: number): void;
  /** The process was started again: effects happen. */
  recover(): void;
  /** To be called before every effect. */
  beforeEffect(): void;
}

/** A switch that is off. */
export function createFaultSwitch(): FaultSwitch {
  let effects = 0;
  let last = Number.POSITIVE_INFINITY;
  return {
    get effects() {
      return effects;
    },
    crashAfter: (count) => {
      last = effects + count;
    },
    recover: () => {
      last = Number.POSITIVE_INFINITY;
    },
    beforeEffect: () => {
      if (effects >= last) throw new SimulatedCrash();
      effects += 1;
    },
  };
}
