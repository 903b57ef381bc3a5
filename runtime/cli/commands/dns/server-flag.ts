import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import { askDns, type DnsServer } from '#runtime/dns/ask.ts';
import { openLookup, type Lookup } from '#runtime/dns/lookup.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';

/** Flags of commands that ask name servers. */
export interface DnsOptions {
  readonly server?: string;
  readonly output?: 'table' | 'json';
}

/** Whom `--server` names, else the name server of the private instance, else the resolver of this machine. */
export async function lookupFor({ io }: Session, { server }: DnsOptions, known: string): Promise<Lookup> {
  const said = server ?? io.env['WCP360_DNS'] ?? getServers()[0] ?? '127.0.0.1';
  return await openLookup(
    async (asked, question) => await askDns(asked, question, io.signal),
    parseServer(said),
    known,
  );
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. */
export function parseServer(text: string): DnsServer {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  if (isIP(address) === 0 || Number(port) < 1 || Number(port) > 65_535)
    throw new UsageError(`--server wants an address, with a port or without, not "${text}"`);
  return { address, port: Number(port) };
}
