import { ApiError } from '#runtime/base/errors.ts';

/** A subscriber fell behind the history that the watch cache keeps; others were not held up. Its client resumes or lists again. */
export class SlowConsumerError extends ApiError {
  /** `revision` is the last one that the subscriber had seen. */
  constructor(revision: number) {
    super(410, 'Expired', `The watch fell too far behind resourceVersion ${revision} and was ended.`);
  }
}
