import { ApiError } from '#runtime/base/errors.ts';

/** History that was asked for is forgotten: read the present state, then go on from there. On the wire 410 Expired. */
export class CompactedError extends ApiError {
  /** `revision` is what was asked for. */
  constructor(revision: number, options?: ErrorOptions) {
    super(410, 'Expired', `The resourceVersion ${revision} is too old: its history has been compacted.`, {
      ...options,
    });
  }
}
