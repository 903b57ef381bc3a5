/** What a running service notices while an action is carried out, from least to most. */
export type Disruption = 'none' | 'reload' | 'restart' | 'data-loss';

/** One line of a diff; `undefined` means that the field is absent on that side. Secret values appear as `(secret, sha256 prefix)`. */
export interface FieldChange {
  readonly field: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * One change as data that survives JSON: no functions, no secret values.
 * `subject` + `op` is unique within a plan; `reason` says in a few words why it is needed.
 */
export interface Action<Driver extends string = string, Op extends string = string, Input = unknown> {
  readonly driver: Driver;
  readonly op: Op;
  readonly subject: string;
  readonly reason: string;
  readonly disruption: Disruption;
  readonly changes: readonly FieldChange[];
  readonly input: Input;
}

/** Actions in the order in which they are carried out; empty when the world already agrees. */
export interface Plan {
  readonly actions: readonly Action[];
}
