import { request, type IncomingMessage } from 'node:http';
import { HostError } from '#runtime/base/errors.ts';
import { refuseUpgrade } from '#runtime/base/refuse-upgrade.ts';
import type { LocalHttpAnswer, LocalHttpRequest } from '#runtime/host/host.ts';

const defaultMaxBytes = 4 * 1024 * 1024;

/** One exchange on a fresh connection, bounded in time and answer size. */
export async function exchangeHttp(ask: LocalHttpRequest, signal: AbortSignal): Promise<LocalHttpAnswer> {
  signal.throwIfAborted();
  const bound = AbortSignal.any([signal, AbortSignal.timeout(ask.timeoutMs)]);
  try {
    return await exchange(ask, bound);
  } catch (err) {
    signal.throwIfAborted();
    if (err instanceof HostError) throw err;
    throw new HostError(`${targetOf(ask)} did not answer ${ask.method} ${ask.path}`, {}, { cause: err });
  }
}

async function exchange(ask: LocalHttpRequest, signal: AbortSignal): Promise<LocalHttpAnswer> {
  return await new Promise<LocalHttpAnswer>((resolve, reject) => {
    const body = ask.body === undefined ? undefined : Buffer.from(ask.body, 'utf8');
    const outgoing = request({
      ...(ask.socketPath === undefined
        ? { host: ask.address?.host, port: ask.address?.port }
        : { socketPath: ask.socketPath }),
      method: ask.method,
      path: ask.path,
      headers: { ...ask.headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) },
      agent: false,
      signal,
    });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => void readAnswer(incoming, ask.maxBytes).then(resolve, reject));
    refuseUpgrade(outgoing, reject);
    outgoing.end(body);
  });
}

async function readAnswer(incoming: IncomingMessage, maxBytes = defaultMaxBytes): Promise<LocalHttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new HostError('the answer is larger than it may be');
    chunks.push(chunk);
  }
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
  return { status: incoming.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString('utf8') };
}

function targetOf(ask: LocalHttpRequest): string {
  return ask.socketPath ?? `${ask.address?.host}:${ask.address?.port}`;
}
