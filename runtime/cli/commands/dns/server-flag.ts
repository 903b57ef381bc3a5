import { getServers } from 'node:dns';
import { askDns, type DnsServer } from '#runtime/dns/ask.ts';
import { parseServerAddress } from '#runtime/dns/server-address.ts';
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

/** UsageError when it is no address, with a port or without. */
export function parseServer(text: string): DnsServer {
  const server = parseServerAddress(text);
  if (server === undefined) throw new UsageError(`--server wants an address, with a port or without, not "${text}"`);
  return server;
}
