import { constants, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Answer } from './answer.ts';
import type { Exchange, RawResponse } from './exchange.ts';

const compress = promisify(gzip);

/** Bodies up to this size are not worth the CPU of compressing them (kube-apiserver's bound). */
const gzipAboveBytes = 128 * 1024;
/** What one write hands to the socket: large enough to keep system calls rare, small enough not to double a list in memory. */
const writeBytes = 64 * 1024;

export interface SendOptions {
  readonly auditId: string;
  readonly warnings: readonly string[];
}

/** Writes an answer with the headers that every answer carries; obeys back-pressure; resolves when all is handed to the connection. */
export async function send(exchange: Exchange, answer: Answer, options: SendOptions): Promise<void> {
  const { response } = exchange;
  const buffers = Buffer.isBuffer(answer.body) ? [answer.body] : answer.body;
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  const headers: Record<string, string | number | readonly string[]> = { ...commonHeaders(options), 'Content-Type': answer.contentType, ...answer.headers };
  if (answer.status >= 400) headers['X-Content-Type-Options'] = 'nosniff';
  if (bytes > gzipAboveBytes && acceptsGzip(exchange)) {
    headers['Content-Encoding'] = 'gzip';
    headers['Vary'] = 'Accept-Encoding';
    const packed = await compress(Buffer.concat(buffers, bytes), { level: constants.Z_BEST_SPEED });
    headers['Content-Length'] = packed.length;
    response.writeHead(answer.status, headers);
    await writeAll(response, exchange.method === 'HEAD' ? [] : [packed]);
    return;
  }
  headers['Content-Length'] = bytes;
  response.writeHead(answer.status, headers);
  await writeAll(response, exchange.method === 'HEAD' ? [] : buffers);
}

/** Headers of every answer, streams included. */
export function commonHeaders(options: SendOptions): Record<string, string | readonly string[]> {
  return {
    'Audit-Id': options.auditId,
    'Cache-Control': 'no-cache, private',
    ...(options.warnings.length === 0 ? {} : { Warning: warningValues(options.warnings) }),
  };
}

async function writeAll(response: RawResponse, buffers: readonly Buffer[]): Promise<void> {
  const [only] = buffers;
  if (buffers.length <= 1) {
    if (only === undefined) response.end();
    else response.end(only);
    return;
  }
  for (const chunk of joined(buffers)) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

/** Joins small buffers into ones of about the size of one write; larger ones pass as they are. */
function* joined(buffers: readonly Buffer[]): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const buffer of buffers) {
    waiting.push(buffer);
    bytes += buffer.length;
    if (bytes >= writeBytes) {
      yield waiting.length === 1 ? buffer : Buffer.concat(waiting, bytes);
      waiting = [];
      bytes = 0;
    }
  }
  if (waiting.length > 0) yield Buffer.concat(waiting, bytes);
}

/** Resolves when the connection takes more, or is gone. */
function drained(response: RawResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go);
      response.off('close', go);
      resolve();
    };
    response.on('drain', go);
    response.on('close', go);
  });
}

function acceptsGzip(exchange: Exchange): boolean {
  const accepted = exchange.headers['accept-encoding'];
  return typeof accepted === 'string' && /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/u.test(accepted);
}

const maxWarningRunes = 4096;
const maxLongWarningRunes = 256;

/** RFC 7234 warnings, code 299; each text once; cut short when all together are too long. */
export function warningValues(warnings: readonly string[]): readonly string[] {
  const unique = [...new Set(warnings)];
  const runes = unique.reduce((sum, text) => sum + [...text].length, 0);
  return unique.map((text) => {
    const cut = runes > maxWarningRunes ? [...text].slice(0, maxLongWarningRunes).join('') : text;
    // oxlint-disable-next-line no-control-regex -- control characters would end the header
    return `299 - "${cut.replaceAll(/[\u0000-\u001f\u007f]/gu, ' ').replaceAll(/[\\"]/gu, String.raw`\$&`)}"`;
  });
}
