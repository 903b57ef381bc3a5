import { isIP } from 'node:net';
import type { DnsServer } from './ask.ts';

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`; `undefined` for anything else. */
export function parseServerAddress(text: string): DnsServer | undefined {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  if (isIP(address) === 0 || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { address, port: Number(port) };
}
