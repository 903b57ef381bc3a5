/** Reads a Secret by name when an action is carried out; values never enter plans, logs or errors. `undefined` when it is not there. */
export interface SecretReader {
  read(namespace: string, name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>;
}
