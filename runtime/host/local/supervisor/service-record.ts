import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { isRecord } from '#runtime/base/json.ts';
import type { ServiceUnit } from '#runtime/host/host.ts';
import { onPath, orAbsent } from '#runtime/host/local/file-errors.ts';
import type { ProcessIdentity } from './process-table.ts';

/** What is kept of a service on disk, so that the next supervisor takes it over. */
export interface ServiceRecord extends ProcessIdentity {
  readonly unitHash: string;
  readonly startedMs: number;
  /** Without its environment when it is never restarted by us: a tenant's secrets stay off the disk. */
  readonly unit: ServiceUnit;
}

/** Writes the record in the same turn in which its process began, so that a kill between the two is all but impossible. */
export function writeRecord(directory: string, record: ServiceRecord): void {
  const path = `${directory}/${record.unit.name}.json`;
  const { environment: _, ...bare } = record.unit;
  const kept = record.unit.restart === 'never' ? { ...record, unit: bare } : record;
  onPath(path, () => {
    const beside = `${directory}/.${record.pid}-${record.startTime}`;
    const fd = openSync(
      beside,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
      0o600,
    );
    writeSync(fd, JSON.stringify(kept));
    closeSync(fd);
    renameSync(beside, path);
  });
}

/** Forgets a service; nothing when it was not known. */
export function removeRecord(directory: string, name: string): void {
  const path = `${directory}/${name}.json`;
  orAbsent(path, () => unlinkSync(path));
}

/** All records of a directory, which is made (0700) when absent. Unreadable ones are left out. */
export function readRecords(directory: string): readonly ServiceRecord[] {
  onPath(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .toSorted()
    .flatMap((name) => parseRecord(readFileSync(`${directory}/${name}`, 'utf8')) ?? []);
}

function parseRecord(text: string): ServiceRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isOurs = isRecord(value) && typeof value['pid'] === 'number' && isRecord(value['unit']);
    return isOurs ? (value as unknown as ServiceRecord) : undefined;
  } catch {
    return undefined;
  }
}
