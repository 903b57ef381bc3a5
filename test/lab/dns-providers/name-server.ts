import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import packet, { type Answer, type Packet } from 'dns-packet';
import type { Test } from 'tap';
import { decodedDns } from '#runtime/dns/ask.ts';
import { textOf } from '#runtime/drivers/dns-providers/presentation.ts';

/** Who answers for a zone: contents by whole name and type; `undefined` for names outside of it. */
export interface LabZone {
  readonly name: () => string | undefined;
  answered(name: string, type: string): readonly string[];
}

/** A name server that answers with what stand-ins for providers have, by UDP on loopback. `127.0.0.1:PORT` */
export async function startProviderNameServer(t: Test, zones: readonly LabZone[]): Promise<string> {
  const socket = createSocket('udp4');
  const reply = (message: Buffer, from: RemoteInfo): void => {
    const query = decodedDns(message);
    const [question] = query?.questions ?? [];
    if (query === undefined || question === undefined) return;
    const name = `${question.name.toLowerCase()}.`;
    const zone = zones.find((each) => isWithin(name, each.name()));
    const answer: Packet = {
      type: 'response',
      id: query.id ?? 0,
      flags: zone === undefined ? refused : packet.AUTHORITATIVE_ANSWER,
      questions: [question],
      answers: zone === undefined ? [] : answersOf(zone, name, question.type),
    };
    socket.send(packet.encode(answer), from.port, from.address);
  };
  socket.on('message', reply);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const refused = 5;

function isWithin(name: string, zone: string | undefined): boolean {
  return zone !== undefined && (name === zone || name.endsWith(`.${zone}`));
}

function answersOf(zone: LabZone, name: string, type: string): Answer[] {
  const common = { name: name.slice(0, -1), ttl: 60 };
  if (type === 'SOA' && name === zone.name()) {
    const soa = { mname: 'ns.example', rname: 'dns.example', serial: 7, refresh: 1, retry: 1, expire: 1, minimum: 1 };
    return [{ ...common, type: 'SOA', data: soa }];
  }
  return zone.answered(name, type).flatMap((content): readonly Answer[] => {
    switch (type) {
      case 'A':
      case 'AAAA':
        return [{ ...common, type, data: content }];
      case 'CNAME':
      case 'NS':
        return [{ ...common, type, data: content.slice(0, -1) }];
      case 'TXT':
        return [{ ...common, type, data: [textOf(content)] }];
      default:
        return [];
    }
  });
}
