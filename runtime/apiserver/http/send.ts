import { constants, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Answer, ListBody } from './answer.ts';
import type { Exchange, RawResponse } from './exchange.ts';

const compress = promisify(gzip);

/** Bodies up to this size are not worth the CPU of compressing them (kube-apiserver's bound). */
const gzipAboveBytes = 128 * 1024;
/** What one write hands to the connection: a few TLS records. */
const writeBytes = 256 * 1024;

export interface SendOptions {
  readonly auditId: string;
  readonly warnings: readonly string[];
}

/** Writes an answer with the headers that every answer carries; obeys back-pressure; resolves when all is handed to the connection. */
export async function send(exchange: Exchange, answer: Answer, options: SendOptions): Promise<void> {
  const { status, body } = answer;
  const headers: Record<string, string | number | readonly string[]> = {
    ...commonHeaders(options),
    'Content-Type': answer.contentType,
    ...(status >= 400 ? { 'X-Content-Type-Options': 'nosniff' } : {}),
    ...answer.headers,
  };
  const bytes = lengthOf(body);
  if (bytes > gzipAboveBytes && acceptsGzip(exchange)) {
    headers['Content-Encoding'] = 'gzip';
    headers['Vary'] = 'Accept-Encoding';
    await sendBody(
      exchange,
      { status, headers },
      await compress(wholeOf(body, bytes), { level: constants.Z_BEST_SPEED }),
    );
    return;
  }
  // Small lists are joined, so that they take the short way.
  await sendBody(exchange, { status, headers }, bytes > writeBytes ? body : wholeOf(body, bytes));
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string | number | readonly string[]>;
}

async function sendBody(exchange: Exchange, { status, headers }: Head, body: Buffer | ListBody): Promise<void> {
  const { response, method } = exchange;
  // An answer without a body has no length either (RFC 9110, section 8.6).
  if (status !== 304) headers['Content-Length'] = lengthOf(body);
  response.writeHead(status, headers);
  if (method === 'HEAD' || status === 304) response.end();
  else if (Buffer.isBuffer(body)) response.end(body);
  else await writeList(response, body);
}

function lengthOf(body: Buffer | ListBody): number {
  if (Buffer.isBuffer(body)) return body.length;
  let bytes = body.head.length + body.tail.length + Math.max(0, body.items.length - 1);
  for (const item of body.items) bytes += item.length;
  return bytes;
}

/** The body in one piece. */
function wholeOf(body: Buffer | ListBody, bytes: number): Buffer {
  if (Buffer.isBuffer(body)) return body;
  const whole = Buffer.allocUnsafe(bytes);
  let at = body.head.copy(whole);
  for (const [index, item] of body.items.entries()) {
    if (index > 0) whole[at++] = comma;
    at += item.copy(whole, at);
  }
  body.tail.copy(whole, at);
  return whole;
}

/** Headers of every answer, streams included. */
export function commonHeaders(options: SendOptions): Record<string, string | readonly string[]> {
  return {
    'Audit-Id': options.auditId,
    'Cache-Control': 'no-cache, private',
    ...(options.warnings.length === 0 ? {} : { Warning: warningValues(options.warnings) }),
  };
}

const comma = 0x2c;

/**
 * Copies items into one piece, over and over: a large list needs no memory of its own size and no fresh pages. A piece is only written
 * when the one before is gone, because several writes in one turn of the loop are copied once more on their way to TLS.
 */
async function writeList(response: RawResponse, { head, items, tail }: ListBody): Promise<void> {
  const piece = Buffer.allocUnsafeSlow(writeBytes);
  let filled = head.copy(piece);
  let isFirst = true;
  for (const item of items) {
    if (filled + item.length + 1 + tail.length > writeBytes) {
      await writeOut(response, piece.subarray(0, filled));
      filled = 0;
      if (response.destroyed) return;
    }
    if (!isFirst) piece[filled++] = comma;
    isFirst = false;
    if (item.length + 1 + tail.length <= writeBytes) filled += item.copy(piece, filled);
    else filled = await writeLarge(response, piece.subarray(0, filled), item);
  }
  filled += tail.copy(piece, filled);
  await writeOut(response, piece.subarray(0, filled));
  response.end();
}

/** An item that fits into no piece goes out by itself, after what is waiting. */
async function writeLarge(response: RawResponse, waiting: Buffer, item: Buffer): Promise<0> {
  if (waiting.length > 0) await writeOut(response, waiting);
  await writeOut(response, item);
  return 0;
}

/** Resolves when the connection has taken the bytes, or is gone. */
function writeOut(response: RawResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const close = (): void => resolve();
    response.on('close', close);
    response.write(bytes, () => {
      response.off('close', close);
      resolve();
    });
  });
}

function acceptsGzip(exchange: Exchange): boolean {
  const accepted = exchange.headers['accept-encoding'];
  return typeof accepted === 'string' && /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/u.test(accepted);
}

const maxWarningLength = 4096;
const maxLongWarningLength = 256;

/** RFC 7234 warnings, code 299; each text once; each cut short when all together are too long. */
function warningValues(warnings: readonly string[]): readonly string[] {
  const unique = [...new Set(warnings)];
  const length = unique.reduce((sum, text) => sum + text.length, 0);
  return unique.map((text) => {
    const cut = length > maxWarningLength ? text.slice(0, maxLongWarningLength) : text;
    return `299 - "${headerText(cut).replaceAll(/[\\"]/gu, String.raw`\$&`)}"`;
  });
}

/** Headers are Latin-1 on the wire and end at control characters: UTF-8 bytes go in one by one, as Go writes them. */
function headerText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters would end the header
  return Buffer.from(text.replaceAll(/[\u0000-\u001f\u007f]/gu, ' '), 'utf8').toString('latin1');
}
