import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';
import type { AuditSink } from '#runtime/apiserver/http/audit.ts';

const maxBytes = 64 * 1024 * 1024;
const keptFiles = 5;

/**
 * Appends lines to a file that only its owner reads; at 64 MiB it is set aside as `<path>.1`, of which five are kept.
 * While the file can not be written (the disk is full) lines are lost; each one tries to open it anew.
 */
export function createAuditFile(path: string): AuditSink {
  let sizeBytes = sizeOf(path);
  let stream: WriteStream | undefined;
  const open = (): WriteStream => {
    const opened = openAppend(path);
    opened.on('error', () => {
      if (stream === opened) stream = undefined;
    });
    return opened;
  };
  return (line) => {
    if (sizeBytes > maxBytes) {
      stream?.end();
      rotate(path);
      stream = undefined;
      sizeBytes = 0;
    }
    stream ??= open();
    sizeBytes += line.length + 1;
    stream.write(`${line}\n`);
  };
}

function openAppend(path: string): WriteStream {
  return createWriteStream(path, { flags: 'a', mode: 0o600 });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function rotate(path: string): void {
  for (let n = keptFiles - 1; n >= 0; n--) {
    const from = n === 0 ? path : `${path}.${n}`;
    if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${n + 1}`);
  }
}
