import type { Before, Framing } from '#runtime/drivers/databases/guarded.ts';

const headBytes = 4;
/** Nothing is asked that has as many. */
const mostColumns = 32;
/** How packets begin, and below how many bytes one is an EOF that begins like a long number. */
const [ok, endOfFile, error] = [0x00, 0xfe, 0xff];
const longestEnd = 9;
/** Among the flags of an EOF, after its header and two bytes of warnings: one more answer comes. */
const moreFollows = 0x08;

/**
 * Packets, as https://mariadb.com/docs/server/reference/clientserver-protocol has them. `mysql2` throws for most that makes no sense; it believes any number of columns,
 * which rows need no bytes for, and says a word on the console for each packet that is not the next.
 */
export const mariadbFraming: Framing = {
  protocol: 'MariaDB',
  headBytes,
  sizeOf: (head) => headBytes + head.readUIntLE(0, 3),
  faultOf: (packet, before) =>
    isNext(packet, before) ? answerFault(packet.subarray(headBytes), before) : 'packets out of order',
};

function isNext(packet: Buffer, { last }: Before): boolean {
  return last === undefined || packet[3] === ((last[3] ?? 0) + 1) % 256;
}

/** An OK may say that another answer follows, too; but so does one of a prepared statement come first, before columns. */
function answerFault(body: Buffer, { count, last }: Before): string | undefined {
  const isAfterOk = count === 1 && last?.[headBytes] === ok;
  const isAnother = isEnd(body) ? ((body[3] ?? 0) & moreFollows) !== 0 : isAfterOk && body[0] === ok;
  if (isAnother) return 'more answers than questions';
  const isFirst = count === 0 || isAfterOk;
  return isFirst && !isHeader(body) ? 'an answer to no question of ours' : undefined;
}

function isEnd(body: Buffer): boolean {
  return body[0] === endOfFile && body.length < longestEnd;
}

/** A packet that may begin an answer: a number of columns that is not too large, an error, or a wish for another way to log in, which is no number of 8 bytes. */
function isHeader(body: Buffer): boolean {
  if (isEnd(body)) return true;
  const [first = error] = body;
  if (first === endOfFile) return body.readUInt32LE(5) !== 0;
  return first <= mostColumns || first === error;
}
