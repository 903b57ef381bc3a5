/** A value that survives JSON. Objects are records, never class instances. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object; a field that is `undefined` counts as absent. */
export interface JsonObject {
  readonly [field: string]: Json | undefined;
}
