import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatDuration, parseDurationSeconds } from '#schemas/meta/duration.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { nameHash, shortName } from '#schemas/meta/name-hash.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { dnsRecordKind, type DNSRecord } from '#schemas/v1alpha1/dns-record.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import { parseZoneFile, type ParsedRecord } from '#runtime/dns/zone-file/parse.ts';
import { ManifestError, type Manifest } from '#runtime/manifests/manifest.ts';
import { applyChecked, isDryRunAsked } from '#runtime/cli/commands/apply.ts';
import { writerOf, type WriterOptions } from '#runtime/cli/commands/writer.ts';
import { UsageError } from '#runtime/cli/io.ts';
import { sessionTargets } from '#runtime/cli/manifests/session-targets.ts';
import type { Session } from '#runtime/cli/session.ts';
import { listHere, zoneNamed } from './declared-zone.ts';

export interface ImportOptions extends WriterOptions {
  readonly filename: string;
  readonly dryRun?: string;
}

/** `wcpctl dns import ZONE -f FILE`: one DNSRecord for each name and type in the file. ManifestError with the lines that cannot be declared. */
export async function importZone(session: Session, word: string, options: ImportOptions): Promise<void> {
  const zone = await zoneNamed(session, word);
  const { filename } = options;
  const { records, skipped, faults } = parseZoneFile(await textOf(session, filename), zone.spec.name);
  const source = (line: number) => ({ file: filename, line });
  if (faults.length > 0)
    throw new ManifestError(faults.map(({ line, message }) => ({ source: source(line), message })));
  for (const { line, message } of skipped) session.io.err(`${filename}:${line}: ${message}\n`);
  const declared = await declaredByPeople(session, zone);
  const manifests = [...Map.groupBy(records, ({ name, type }) => `${name} ${type}`).values()].map((set): Manifest => ({
    source: source(set[0]?.line ?? 0),
    object: recordOf(zone, set, declared),
  }));
  await applyChecked(session, await sessionTargets(session, manifests), {
    writer: writerOf(options),
    isDryRun: isDryRunAsked(options),
    onApplied: (line) => session.io.out(line),
  });
}

async function textOf({ io }: Session, filename: string): Promise<string> {
  if (filename === '-') return await io.readStdin();
  const bytes = await readFile(resolve(io.workingDirectory, filename)).catch(() => undefined);
  if (bytes === undefined) throw new UsageError(`the file "${filename}" cannot be read`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`the file "${filename}" is not text in UTF-8`);
  }
}

/** `www A` → the object that somebody made for it: it is the one to change, since a second one would not be answered. Texts stand beside each other. */
async function declaredByPeople(session: Session, zone: Zone): Promise<ReadonlyMap<string, string>> {
  const records = await listHere<DNSRecord>(session, dnsRecordKind);
  const ofPeople = records.filter(
    ({ metadata, spec }) =>
      spec.zoneRef.name === zone.metadata.name &&
      spec.type !== 'TXT' &&
      metadata.annotations?.[ANNOTATIONS.owner] === undefined,
  );
  // Of two the older one is answered: it comes last, and stays.
  const youngestFirst = ofPeople.toSorted((a, b) => (ageOf(a) < ageOf(b) ? 1 : -1));
  return new Map(youngestFirst.map(({ metadata, spec }) => [`${spec.name} ${spec.type}`, metadata.name]));
}

function ageOf({ metadata }: DNSRecord): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

/** All records of a set live as long as the one that lives shortest (RFC 2181 §5.2). */
function recordOf(zone: Zone, set: readonly ParsedRecord[], declared: ReadonlyMap<string, string>): Manifest['object'] {
  const [{ name, type } = { name: '', type: '' }] = set;
  const ttl = Math.min(...set.map(({ ttlSeconds }) => ttlSeconds ?? Infinity));
  const isZones = ttl === Infinity || ttl === parseDurationSeconds(zone.spec.ttl);
  return {
    apiVersion: apiVersionOf(dnsRecordKind),
    kind: dnsRecordKind.kind,
    metadata: { name: declared.get(`${name} ${type}`) ?? objectNameOf(zone, name, type) },
    spec: {
      zoneRef: { name: zone.metadata.name },
      name,
      type,
      ...(isZones ? {} : { ttl: formatDuration(ttl * 1_000) }),
      values: [...new Set(set.map(({ value }) => value))].toSorted(),
    },
  };
}

/** The same for the same zone, name and type, so that a second import changes nothing; the mark tells names apart whose letters no object may have. */
function objectNameOf({ metadata }: Zone, name: string, type: string): string {
  const letters = name.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  const mark = nameHash(`${metadata.name} ${name}`).toString(16).padStart(8, '0');
  const parts = [metadata.name, shortName(letters, 30), type.toLowerCase(), mark];
  return parts.filter((part) => part !== '').join('-');
}
