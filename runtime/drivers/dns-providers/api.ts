/** What an answer means that is no success. `stale`: something changed since the look. `message` is the provider's own. */
export interface ApiFailure {
  readonly kind: 'limited' | 'unauthorized' | 'stale' | 'refused' | 'missing' | 'busy';
  readonly message: string;
}

/** The API of one provider, as one account speaks it. */
export interface ProviderApi {
  /**
   * The text of a success; `undefined` when what was asked for is not there. PostponedError `RateLimited` until the time that the provider names, `TokenRefused`, `StaleLook`;
   * RefusedError `RecordRefused` with the provider's words; HostError for all that may pass.
   */
  ask(method: string, path: string, content?: ApiContent): Promise<string | undefined>;
  /** Waits, where a provider has to be asked again. */
  pause(ms: number): Promise<void>;
}

export interface ApiContent {
  readonly type: 'application/json' | 'application/xml';
  readonly text: string;
}
