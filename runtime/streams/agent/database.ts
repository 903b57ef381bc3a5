import { serveProgram } from './exec.ts';
import type { DatabaseSeat, StreamCall, StreamRequest } from './stream-call.ts';
import type { StreamTarget } from '#schemas/meta/streams.ts';

/** Runs a program of the engine as the tenant in its sandbox, logged into one database as one of the tenant's logins. */
export async function serveDatabase(
  call: StreamCall<DatabaseSeat>,
  passage: StreamRequest,
  { subresource }: StreamTarget,
): Promise<void> {
  const { seat } = call;
  if (subresource === 'restore')
    return await serveProgram(call, passage, { program: () => seat.program('restore'), intake: seat.intake });
  await serveProgram(call, passage, { program: () => seat.program(subresource === 'shell' ? 'shell' : 'dump') });
}
