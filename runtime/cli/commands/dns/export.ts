import { printZoneFile } from '#runtime/dns/zone-file/print.ts';
import type { Session } from '#runtime/cli/session.ts';
import { zoneNamed } from './declared-zone.ts';
import { recordsOf } from './records.ts';
import type { DnsOptions } from './server-flag.ts';

/** `wcpctl dns export ZONE`: what is answered, without the signatures. */
export async function exportZone(session: Session, word: string, options: DnsOptions): Promise<void> {
  const zone = await zoneNamed(session, word);
  const rows = await recordsOf(session, zone, options);
  session.io.out(
    printZoneFile(
      zone.spec.name,
      rows.filter(({ state }) => state === 'Answered'),
    ),
  );
}
