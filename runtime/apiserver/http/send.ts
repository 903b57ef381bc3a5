import { constants, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Answer, ListBody } from './answer.ts';
import type { Exchange, RawResponse } from './exchange.ts';

const compress = promisify(gzip);

/** Bodies up to this size are not worth the CPU of compressing them (kube-apiserver's bound). */
const gzipAboveBytes = 128 * 1024;
/** What one write hands to the connection: a few TLS records. */
const writeBytes = 256 * 1024;
/** A client that takes nothing for so long gets no more: what is unread is held in memory. As long as a body may take to come. */
const patienceMs = 60_000;

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
  else if (!Buffer.isBuffer(body)) await writeList(response, body);
  else await writeWhole(response, body);
}

async function writeWhole(response: RawResponse, body: Buffer): Promise<void> {
  let at = 0;
  for (; body.length - at > writeBytes && !response.destroyed; at += writeBytes)
    await writeOut(response, body.subarray(at, at + writeBytes));
  endWith(response, body.subarray(at));
}

/** The last bytes; nobody waits for them to be taken. */
function endWith(response: RawResponse, bytes: Buffer): void {
  if (response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), patienceMs).unref();
  response.on('close', () => clearTimeout(timer));
  response.end(bytes);
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
  endWith(response, piece.subarray(0, filled));
}

/** An item that fits into no piece goes out by itself, after what is waiting. */
async function writeLarge(response: RawResponse, waiting: Buffer, item: Buffer): Promise<0> {
  if (waiting.length > 0) await writeOut(response, waiting);
  await writeOut(response, item);
  return 0;
}

/** Resolves when the connection has taken the bytes, or is gone, as it is when it takes them for too long. */
function writeOut(response: RawResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), patienceMs).unref();
    const settle = (): void => {
      clearTimeout(timer);
      response.off('close', settle);
      resolve();
    };
    response.on('close', settle);
    response.write(bytes, settle);
  });
}

function acceptsGzip(exchange: Exchange): boolean {
  const accepted = exchange.headers['accept-encoding'];
  return typeof accepted === 'string' && /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/u.test(accepted);
}

const maxWarningLength = 4096;
const maxLongWarningLength = 256;

/** RFC 7234 warnings, code 299; each text once; fewer and shorter when all together are too long. */
function warningValues(warnings: readonly string[]): readonly string[] {
  const unique = [...new Set(warnings)];
  const length = unique.reduce((sum, text) => sum + text.length, 0);
  const told = length > maxWarningLength ? shortWarnings(unique) : unique;
  return told.map((text) => `299 - "${headerText(text).replaceAll(/[\\"]/gu, String.raw`\$&`)}"`);
}

/** Each cut short, and no more of them than headers hold: the one that goes beyond is the last. */
function shortWarnings(warnings: readonly string[]): readonly string[] {
  const told: string[] = [];
  let length = 0;
  for (const warning of warnings) {
    if (length >= maxWarningLength) break;
    const text = warning.slice(0, maxLongWarningLength);
    told.push(text);
    length += text.length;
  }
  return told;
}

/** Headers are Latin-1 on the wire and end at control characters: UTF-8 bytes go in one by one, as Go writes them. */
function headerText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters would end the header
  return Buffer.from(text.replaceAll(/[\u0000-\u001f\u007f]/gu, ' '), 'utf8').toString('latin1');
}
