import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ServiceUnit } from '#runtime/host/host.ts';
import { onPath, orAbsent } from '#runtime/host/local/file-errors.ts';
import { parseMarks, plainWord, renderPrivatePart, renderUnit, type UnitMarks } from './unit-file.ts';

const prefix = 'wcp360-';
const privateSuffix = '.private';

/**
 * The units that are ours, in a directory that systemd reads and that only root may write. One is there while its private part is: that is written last and
 * removed first, so that a crash leaves no unit that systemd does not know.
 */
export interface UnitStore {
  /** Names of services, in order. */
  names(): readonly string[];
  /** `undefined` when there is no such unit. */
  marks(name: string): UnitMarks | undefined;
  /** Writes both parts of a unit; `log` is what systemd is to open for `unit.logPath`. */
  write(unit: ServiceUnit, log: string | undefined): void;
  remove(name: string): void;
}

/** `nginx` → `wcp360-nginx.service` */
export function unitName(name: string): string {
  return `${prefix}${plainWord(name)}.service`;
}

/** Opens the store; the directory is made with its first file. */
export function openUnitStore(directory: string): UnitStore {
  const unitPath = (name: string): string => `${directory}/${unitName(name)}`;
  const privatePath = (name: string): string => `${directory}/${prefix}${plainWord(name)}${privateSuffix}`;
  return {
    names: () =>
      (orAbsent(directory, () => readdirSync(directory)) ?? [])
        .filter((file) => file.startsWith(prefix) && file.endsWith(privateSuffix))
        .map((file) => file.slice(prefix.length, -privateSuffix.length))
        .toSorted(),
    marks: (name) => {
      const text = orAbsent(privatePath(name), () => readFileSync(privatePath(name), 'utf8'));
      return text === undefined ? undefined : parseMarks(text);
    },
    write: (unit, log) => {
      const privatePart = privatePath(unit.name);
      const text = renderUnit(unit, { privatePart, log });
      onPath(directory, () => mkdirSync(directory, { recursive: true }));
      replaceFile(unitPath(unit.name), text, 0o644);
      replaceFile(privatePart, renderPrivatePart(unit), 0o600);
    },
    remove: (name) => {
      for (const path of [privatePath(name), unitPath(name)]) onPath(path, () => rmSync(path, { force: true }));
    },
  };
}

function replaceFile(path: string, text: string, mode: number): void {
  onPath(path, () => {
    writeFileSync(`${path}.new`, text, { mode });
    renameSync(`${path}.new`, path);
  });
}
