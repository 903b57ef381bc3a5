/** A type of the language and how JSON becomes a value of it. Conversion never throws: what does not fit stays as it is and fails in the rule. */
export interface CelType {
  readonly name: string;
  /** Whether converted values are worth keeping. */
  readonly isComposite: boolean;
  readonly convert: (value: unknown) => unknown;
}
