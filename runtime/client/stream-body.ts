import { Wcp360Error } from '#runtime/base/errors.ts';
import { obeying, type Wire } from './exchanges.ts';
import { statusError } from './status-error.ts';
import { failureOf, type WireRequest } from './transport.ts';

const longestRefusalBytes = 65_536;

/** The body of a successful answer as it comes, on a connection of its own, which ends with the iteration. */
export async function* streamBody(wire: Wire, request: WireRequest): AsyncGenerator<Buffer> {
  const stream = await obeying(wire, request, () => wire.transport.open(request));
  try {
    if (stream.status !== 200) throw await refusalOf(stream.status, stream.body);
    yield* stream.body as AsyncIterable<Buffer>;
  } catch (err) {
    throw err instanceof Wcp360Error ? err : failureOf(request, err);
  } finally {
    stream.body.destroy();
  }
}

async function refusalOf(status: number, body: AsyncIterable<Buffer>): Promise<Error> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString();
    if (text.length > longestRefusalBytes) break;
  }
  return statusError(status, text);
}
