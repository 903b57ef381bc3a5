import type { Engine } from '#controllers/database-names.ts';
import { mariadbPacket as packet, postgresqlMessage as message, type Moment } from './scripted-server.ts';

/** What no server says that means well. */
export interface Nonsense {
  readonly bytes: Buffer;
  /** So it goes on for ever. */
  readonly again?: Buffer;
  /** What comes of it. */
  readonly says: RegExp;
  /** What becomes of a process whose library is given it as it comes. */
  readonly control?: { readonly moment: Moment; readonly end: 'ended' | 'stands still' };
}

const mebibyte = 1024 * 1024;

/** PostgreSQL's description of rows of one column of a type. */
function columnOf(type: number): Buffer {
  const body = Buffer.alloc(22);
  body.writeInt16BE(1);
  body.write('a', 2);
  body.writeUInt32BE(type, 10);
  return message('T', body);
}

function rowOf(length: number, value: Buffer): Buffer {
  const head = Buffer.from([0, 1, 0, 0, 0, 0]);
  head.writeInt32BE(length, 2);
  return message('D', Buffer.concat([head, value]));
}

/** A row of values each of which is as long as all of it, and leads back to the beginning. */
function backAndForth(): Buffer {
  const [values, length] = [20_000, 4 * mebibyte];
  const body = Buffer.alloc(6 + length + 4);
  body.writeInt16BE(values);
  body.writeInt32BE(length, 2);
  body.writeInt32BE(-length - 8, 6 + length);
  return message('D', body);
}

const wish = (request: number, more: readonly number[] = []): Buffer =>
  message('R', Buffer.from([0, 0, 0, request, ...more]));
const repeated = (bytes: Buffer, times: number): Buffer => Buffer.concat(Array.from({ length: times }, () => bytes));

const postgresql: Readonly<Record<string, Nonsense>> = {
  'columns that are not there': {
    bytes: message('T', Buffer.from([0, 5])),
    says: /DatabaseServer main does not speak the protocol of PostgreSQL: what it says makes no sense/,
    control: { moment: 'login', end: 'ended' },
  },
  'values that are not there': {
    bytes: message('D', Buffer.from([0, 9])),
    says: /DatabaseServer main does not speak .*: a value that is not within its row/,
    control: { moment: 'question', end: 'ended' },
  },
  'a value of a length below nothing': { bytes: rowOf(-8, Buffer.alloc(0)), says: /not within its row/ },
  'values over each other': {
    bytes: backAndForth(),
    says: /a row of 20000 columns/,
    control: { moment: 'question', end: 'stands still' },
  },
  'a message of no length': {
    bytes: Buffer.from([0x44, 0, 0, 0, 0]),
    says: /a message of 1 bytes/,
    control: { moment: 'unasked', end: 'ended' },
  },
  'a message that is longer than memory': {
    bytes: Buffer.from([0x44, 0x7f, 255, 255, 255]),
    says: /a message of 2147483648 bytes/,
  },
  'an error without an end': {
    bytes: message('E', 'SX'),
    says: /an error without an end/,
    control: { moment: 'login', end: 'stands still' },
  },
  'a notice without an end': {
    bytes: message('N', 'SX\0M'),
    says: /an error without an end/,
    control: { moment: 'question', end: 'stands still' },
  },
  'a wish that nobody knows': { bytes: wish(99), says: /makes no sense/, control: { moment: 'login', end: 'ended' } },
  'wishes without an end': {
    bytes: wish(5, [1, 2, 3, 4]),
    again: repeated(wish(5, [1, 2, 3, 4]), 99),
    says: /asks for more/,
  },
  'a notification without names': {
    bytes: message('A', Buffer.from([0, 0])),
    says: /makes no sense/,
    control: { moment: 'unasked', end: 'ended' },
  },
  'a time that is long to read': {
    bytes: Buffer.concat([columnOf(1114), rowOf(2 * mebibyte, Buffer.alloc(2 * mebibyte, '1'))]),
    says: /terminated unexpectedly/,
  },
  'an answer without an end': {
    bytes: columnOf(25),
    again: repeated(rowOf(1, Buffer.from('a')), 999),
    says: /an answer that is too long/,
  },
};

const column = Buffer.concat([
  Buffer.from('\x03def\0\0\0\x01a\0'),
  Buffer.from([0x0c, 33, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]),
]);
const end = Buffer.from([254, 0, 0, 2, 0]);

function answer(...bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(bodies.map((body, index) => packet((1 + index) % 256, body)));
}

/** That a statement is done, with changes of the session: the name of a schema is as long as much of the packet, and what comes next begins right after that length. */
function overlappingChanges(): Buffer {
  const changes = repeated(Buffer.from([1, 4, 0xfd, 0xff, 0xff, 0x0f]), mebibyte / 2);
  const head = Buffer.from([0, 0, 0, 2, 0x40, 0, 0, 0, 0xfd, 0, 0, 0]);
  head.writeUIntLE(changes.length, 9, 3);
  return Buffer.concat([head, changes]);
}

const mariadb: Readonly<Record<string, Nonsense>> = {
  'an error without a number': {
    bytes: packet(2, Buffer.from([255])),
    says: /broke/,
    control: { moment: 'unasked', end: 'ended' },
  },
  'columns that are not there': { bytes: answer(Buffer.from([1]), Buffer.from([3])), says: /broke/ },
  'values that are not there': { bytes: answer(Buffer.from([1]), column, end, Buffer.from([200, 1])), says: /closed/ },
  'changes over each other': {
    bytes: answer(overlappingChanges()),
    says: /closed/,
    control: { moment: 'question', end: 'stands still' },
  },
  'more columns than anything has': { bytes: answer(Buffer.from([0xfc, 255, 255]), column), says: /to no question/ },
  'a file that it wants': { bytes: answer(Buffer.from([251, 65])), says: /to no question/ },
  'a second answer': {
    bytes: answer(Buffer.from([0, 0, 0, 10, 0, 0, 0]), Buffer.from([0, 0, 0, 2, 0, 0, 0])),
    says: /more answers than questions/,
  },
  'a second answer after rows': {
    bytes: answer(Buffer.from([1]), column, end, Buffer.from([254, 0, 0, 10, 0])),
    says: /more answers than questions/,
  },
  'packets out of order': {
    bytes: Buffer.concat([packet(1, Buffer.from([1])), packet(7, column)]),
    says: /DatabaseServer main does not speak the protocol of MariaDB: packets out of order/,
  },
  'an answer without an end': {
    bytes: answer(Buffer.from([1]), column, end),
    again: Buffer.concat(Array.from({ length: 256 }, (_, index) => packet((4 + index) % 256, Buffer.from([1, 97])))),
    says: /an answer that is too long/,
  },
};

export const nonsense: Readonly<Record<Engine, Readonly<Record<string, Nonsense>>>> = {
  PostgreSQL: postgresql,
  MariaDB: mariadb,
};
