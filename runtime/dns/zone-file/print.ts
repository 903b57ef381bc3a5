import { rootedName } from '#schemas/meta/record-content.ts';

/** One record as a name server has it. */
export interface PrintedRecord {
  /** Whole, with the dot at its end. */
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /** As `contentOf` spells it. */
  readonly content: string;
}

/** A file in BIND's format, in the order given. ALIAS, which only few servers know, stands there as a comment. */
export function printZoneFile(zone: string, records: readonly PrintedRecord[]): string {
  const origin = rootedName(zone);
  const lines = records.map(({ name, type, ttlSeconds, content }) => {
    const line = `${nameBelow(name, origin)} ${ttlSeconds} IN ${type} ${content}`;
    return type === 'ALIAS' ? `; ${line}` : line;
  });
  return [`$ORIGIN ${origin}`, ...lines].map((line) => `${line}\n`).join('');
}

function nameBelow(name: string, origin: string): string {
  return name === origin ? '@' : name.slice(0, -origin.length - 1);
}
