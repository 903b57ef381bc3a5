/** One place in our sources as it would stand without a defence. */
export interface Edit {
  /** Path in the checkout. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}
