import type { Before, Framing } from '#runtime/drivers/databases/guarded.ts';

const headBytes = 5;
/** Nothing is asked that has as many. */
const mostColumns = 32;

/** Of messages of the server, by their types: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const checks: Readonly<Record<string, (body: Buffer) => string | undefined>> = {
  /** RowDescription, DataRow, CopyInResponse and CopyOutResponse, ParameterDescription. */
  T: (body) => countFault(body),
  D: (body) => countFault(body) ?? rowFault(body),
  G: (body) => countFault(body.subarray(1)),
  H: (body) => countFault(body.subarray(1)),
  t: (body) => countFault(body),
  /** ErrorResponse and NoticeResponse. */
  E: (body) => fieldsFault(body),
  N: (body) => fieldsFault(body),
};

/** What `pg` would take at its word, and read for ever or again and again: all else that makes no sense it throws for, or passes over. */
export const postgresqlFraming: Framing = {
  protocol: 'PostgreSQL',
  headBytes,
  sizeOf: (head) => 1 + head.readUInt32BE(1),
  faultOf: (message, before) => {
    const type = String.fromCharCode(message[0] ?? 0);
    const body = message.subarray(headBytes);
    if (type === 'R') return requestFault(body, before);
    return checks[type]?.(body);
  },
};

function countFault(body: Buffer): string | undefined {
  const count = body.length < 2 ? -1 : body.readInt16BE();
  return count < 0 || count > mostColumns ? `a row of ${String(count)} columns` : undefined;
}

/** Each value has its length before it, -1 where there is none. */
function rowFault(body: Buffer): string | undefined {
  let at = 2;
  for (let left = body.readInt16BE(); left > 0; left -= 1) {
    const length = at + 4 > body.length ? -2 : body.readInt32BE(at);
    at += 4 + Math.max(length, 0);
    if (length < -1 || at > body.length) return 'a value that is not within its row';
  }
  return undefined;
}

/** Fields, each a letter and a text that ends with NUL, and a NUL after the last: two, wherever fields begin and end. */
function fieldsFault(body: Buffer): string | undefined {
  const isEnded = body.at(-1) === 0 && (body.length === 1 || body.at(-2) === 0);
  return isEnded ? undefined : 'an error without an end';
}

/** Authentication messages but AuthenticationOk want something of us, which takes its time: of those there is one in an answer, and it comes first. */
function requestFault(body: Buffer, { count }: Before): string | undefined {
  const isOk = body.length >= 4 && body.readInt32BE() === 0;
  return isOk || count === 0 ? undefined : 'it asks for more before it is answered';
}
