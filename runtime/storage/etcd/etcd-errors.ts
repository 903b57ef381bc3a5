import { isRecoverableError, GRPCDeadlineExceededError } from 'etcd3';
import { ApiError, HostError, type Wcp360Error } from '#runtime/base/errors.ts';
import { CompactedError } from '#runtime/storage/compacted-error.ts';

const compactedText = 'required revision has been compacted';
const futureText = 'required revision is a future revision';
const unsentText = 'No connection established';
const tooLargeTexts = ['request is too large', 'received message larger than max'];

/** What etcd or gRPC said, as one of our errors. `name` is the call, for the message; values are never in it. */
export function typedError(name: string, err: unknown): Wcp360Error {
  const text = err instanceof Error ? err.message : String(err);
  if (text.includes(compactedText)) return new CompactedError(0, { cause: err });
  if (tooLargeTexts.some((words) => text.includes(words))) return requestTooLarge({ cause: err });
  return new HostError(`etcd did not carry out ${name}: ${text}`, { program: 'etcd' }, { cause: err });
}

/** A transaction that the store would refuse for its size. */
export function requestTooLarge(options?: ErrorOptions): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', 'The object is too large to be stored.', { ...options });
}

/** The call broke off with its connection, so another try may reach a server. A call that ran into its deadline had its time. */
export function isTransient(err: unknown): boolean {
  if (!(err instanceof HostError) || !(err.cause instanceof Error)) return false;
  return isRecoverableError(err.cause) && !(err.cause instanceof GRPCDeadlineExceededError);
}

/** The call never left: no connection stood. */
export function isUnsent(err: unknown): boolean {
  return err instanceof HostError && err.message.includes(unsentText);
}

/** The revision has not been reached yet. */
export function isFutureRevision(err: unknown): boolean {
  return err instanceof HostError && err.message.includes(futureText);
}
