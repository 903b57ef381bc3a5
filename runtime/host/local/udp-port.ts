import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { errorCode } from './file-errors.ts';

/** Whether a program could listen there now; where anything but another program is in its way, it is left to it to say so. */
export async function isUdpPortFree(address: string, port: number): Promise<boolean> {
  const socket = address.includes(':') ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
  try {
    socket.bind(port, address);
    await once(socket, 'listening');
    return true;
  } catch (err) {
    return errorCode(err) !== 'EADDRINUSE';
  } finally {
    socket.close();
  }
}
