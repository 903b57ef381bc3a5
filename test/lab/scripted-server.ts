import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import type { Engine } from '#controllers/database-names.ts';
import { somewhereElse } from './server-elsewhere.ts';

/** When a server says what no server should: in place of its answer to who logs in, or to a question, or unasked after one. */
export const moments = ['login', 'question', 'unasked'] as const;
export type Moment = (typeof moments)[number];

export interface Script {
  /** `never`: it is an honest one. */
  readonly moment: Moment | 'never';
  readonly bytes: Buffer;
  /** Comes after them again and again until nobody listens; it hangs up after them unless told. */
  readonly again?: Buffer;
}

/** A server that has proved who it is, knows of one question, and says then what it is told to. */
export interface ScriptedServer {
  script: Script;
  /** With TLS. */
  readonly port: number;
  /** Without it, and never a wish for it. */
  readonly plainPort: number;
  readonly address: string;
  readonly authorities: string;
}

export function postgresqlMessage(type: string, body: Buffer | string = ''): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + Buffer.byteLength(body), 1);
  return Buffer.concat([head, Buffer.from(body)]);
}

export function mariadbPacket(place: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = place;
  return Buffer.concat([head, body]);
}

interface Speech {
  readonly login: (isSecure: boolean) => Buffer;
  readonly answer: Buffer;
  /** Lets TLS begin, if it does. */
  readonly open: (socket: Socket, isSecure: boolean) => Promise<void>;
}

const ready = postgresqlMessage('Z', 'I');
const okBody = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
/** Of protocol 10, with all capabilities. */
const greeting = mariadbPacket(
  0,
  Buffer.concat([
    Buffer.from([10]),
    Buffer.from('10.11.0-MariaDB\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.alloc(8, 1),
    Buffer.from([0, 0xff, 0xff, 33, 2, 0, 0xff, 0x81, 21]),
    Buffer.alloc(10),
    Buffer.alloc(12, 2),
    Buffer.from('\0mysql_native_password\0'),
  ]),
);

const speeches: Readonly<Record<Engine, Speech>> = {
  PostgreSQL: {
    login: () => Buffer.concat([postgresqlMessage('R', Buffer.alloc(4)), ready]),
    answer: Buffer.concat([postgresqlMessage('C', 'SET\0'), ready]),
    open: async (socket, isSecure) => {
      if (!isSecure) return;
      await once(socket, 'readable');
      socket.read(8);
      socket.write('S');
    },
  },
  MariaDB: {
    login: (isSecure) => mariadbPacket(isSecure ? 3 : 2, okBody),
    answer: mariadbPacket(1, okBody),
    open: async (socket, isSecure) => {
      socket.write(greeting);
      if (!isSecure) return;
      await once(socket, 'readable');
      socket.read(36);
    },
  },
};

/** Ends with the test. */
export async function openScriptedServer(t: Test, engine: Engine): Promise<ScriptedServer> {
  const { authorities, identity, address } = await somewhereElse();
  const scripted: { script: Script } = { script: { moment: 'never', bytes: Buffer.alloc(0) } };
  const listen = async (isSecure: boolean): Promise<number> => {
    const speech = speeches[engine];
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket.on('error', () => undefined));
      socket.once('close', () => open.delete(socket));
      void speech.open(socket, isSecure).then(
        () => {
          const { cert, key } = identity;
          const stream = isSecure ? new TLSSocket(socket, { isServer: true, cert, key }) : socket;
          follow(stream, scripted.script, speech, isSecure);
        },
        () => socket.destroy(),
      );
    }).listen(0, address);
    await once(server, 'listening');
    t.teardown(() => {
      server.close();
      for (const socket of open) socket.destroy();
    });
    return (server.address() as AddressInfo).port;
  };
  const ports = { port: await listen(true), plainPort: await listen(false) };
  return Object.assign(scripted, ports, { address, authorities });
}

function follow(stream: Duplex, { moment, bytes, again }: Script, speech: Speech, isSecure: boolean): void {
  stream.on('error', () => stream.destroy());
  /** In one go with what it has to say before. */
  const say = (before: Buffer = Buffer.alloc(0)): void => {
    const all = Buffer.concat([before, bytes]);
    if (again === undefined) return void stream.end(all);
    const goOn = (): void => void (stream.writable && stream.write(again, goOn));
    stream.write(all, goOn);
  };
  let heard = 0;
  stream.on('data', () => {
    heard += 1;
    if (moment === 'unasked' && heard === 2) say(speech.answer);
    else if (moment === moments[heard - 1]) say();
    else stream.write(heard === 1 ? speech.login(isSecure) : speech.answer);
  });
}
