import { answerJson } from '#runtime/streams/answers.ts';
import { requireMethod } from './copy.ts';
import { serveProgram } from './exec.ts';
import type { DatabaseSeat, StreamCall, StreamRequest } from './stream-call.ts';
import type { StreamTarget } from '#schemas/meta/streams.ts';

/** Runs a program of the engine as the tenant in its sandbox, logged into one database as one of the tenant's logins, or lets a browser do so. */
export async function serveDatabase(
  call: StreamCall<DatabaseSeat>,
  passage: StreamRequest,
  { subresource, ...database }: StreamTarget,
): Promise<void> {
  const { seat } = call;
  if (subresource === 'web') {
    requireMethod(passage.request, 'POST');
    passage.request.resume();
    answerJson(passage.response, 201, await call.inviteTo(database, seat));
    return;
  }
  const work = subresource === 'restore' || subresource === 'shell' ? subresource : 'dump';
  const intake = work === 'restore' ? { intake: seat.intake } : {};
  try {
    await serveProgram(call, passage, { program: () => seat.program(work), ...intake });
  } finally {
    seat.leave();
  }
}
