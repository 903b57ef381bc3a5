import type { ClientRequest } from 'node:http';

/** Fails a request whose answer leaves HTTP though nobody asked for that: Node tells of it by this event alone, and leaves the connection to whoever hears. */
export function refuseUpgrade(request: ClientRequest, fail: (err: Error) => void): void {
  request.once('upgrade', (_answer, socket) => {
    socket.destroy();
    fail(new Error('the answer leaves HTTP, which was not asked for'));
  });
}
