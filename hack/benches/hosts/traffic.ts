import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Instance } from '#hack/benches/instance.ts';
import { cpuSecondsOf } from '#hack/benches/measurement.ts';

/** What went between an API server and its clients in some time; by the second. */
export interface Traffic {
  /** By what they were for; from the audit log, which knows every request. */
  readonly requests: ReadonlyMap<string, number>;
  /** Both ways, TLS included, by the client's process; as the kernel counts them. */
  readonly bytes: ReadonlyMap<number, number>;
  /** CPU seconds by process. */
  readonly cpu: ReadonlyMap<number, number>;
}

const sampleMs = 1_000;

/** Looks on for some seconds. */
export async function watchTraffic(instance: Instance, seconds: number, pids: readonly number[]): Promise<Traffic> {
  const requests = countRequests(instance);
  const connections = countConnections(Number(new URL(instance.apiUrl).port));
  const cpuBefore = pids.map(cpuSecondsOf);
  const startedAt = performance.now();
  for (let n = 0; n < (seconds * 1_000) / sampleMs; n++) {
    await delay(sampleMs);
    connections.sample();
  }
  const took = (performance.now() - startedAt) / 1_000;
  const perSecond = <K>(totals: ReadonlyMap<K, number>): ReadonlyMap<K, number> =>
    new Map([...totals].map(([key, total]) => [key, total / took]));
  return {
    requests: perSecond(requests()),
    bytes: perSecond(connections.bytes()),
    cpu: perSecond(new Map(pids.map((pid, n) => [pid, cpuSecondsOf(pid) - (cpuBefore[n] ?? 0)]))),
  };
}

/** Returns what tells of the requests since then, by what they were for. */
export function countRequests({ directory }: Instance): () => ReadonlyMap<string, number> {
  const audit = followAudit(join(directory, 'audit/audit.log'));
  return () => purposesOf(audit());
}

/** Returns what reads the lines that came since; the file may be set aside as `.1` meanwhile. */
function followAudit(path: string): () => readonly string[] {
  const { size, ino } = statSync(path);
  return () => {
    const isSame = statSync(path).ino === ino;
    const rest = readFileSync(isSame ? path : `${path}.1`).subarray(size);
    const text = rest.toString('utf8') + (isSame ? '' : readFileSync(path, 'utf8'));
    return text.split('\n').filter((line) => line !== '');
  };
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly responseStatus: { readonly code: number };
  readonly objectRef?: { readonly resource: string; readonly name?: string; readonly subresource?: string };
}

function purposesOf(lines: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const purpose = purposeOf(JSON.parse(line) as AuditEvent);
    if (purpose !== undefined) counts.set(purpose, (counts.get(purpose) ?? 0) + 1);
  }
  return counts;
}

/** A stream counts when it begins, everything else when it is answered. */
function purposeOf({ stage, verb, requestURI, objectRef, responseStatus }: AuditEvent): string | undefined {
  if (verb === 'watch' && responseStatus.code < 400)
    return stage === 'ResponseStarted' ? 'watches begun anew' : undefined;
  if (stage !== 'ResponseComplete') return undefined;
  if (objectRef === undefined) return `${verb} ${requestURI}`;
  const { resource, name = '', subresource } = objectRef;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  if (resource !== 'leases') return `${verb} ${what}`;
  return `${verb} ${name.startsWith('host-') ? 'Leases of hosts' : `Lease ${name}`}`;
}

interface Connection {
  readonly pid: number;
  readonly before: number;
  now: number;
}

/** Bytes of all connections to a port of loopback. Those that end between two samples are counted up to the first of them. */
function countConnections(port: number): { sample(): void; bytes(): ReadonlyMap<number, number> } {
  const known = new Map<string, Connection>();
  const look = (isFirst: boolean): void => {
    for (const { key, pid, bytes } of connectionsTo(port)) {
      const connection = known.get(key);
      if (connection === undefined) known.set(key, { pid, before: isFirst ? bytes : 0, now: bytes });
      else connection.now = bytes;
    }
  };
  look(true);
  return {
    sample: () => look(false),
    bytes: () => {
      const byPid = new Map<number, number>();
      for (const { pid, before, now } of known.values()) byPid.set(pid, (byPid.get(pid) ?? 0) + now - before);
      return byPid;
    },
  };
}

interface Counted {
  /** The client's port and inode: a port may be used again. */
  readonly key: string;
  readonly pid: number;
  readonly bytes: number;
}

function connectionsTo(port: number): readonly Counted[] {
  const text = execFileSync('/usr/bin/ss', ['-tineHOp', 'state', 'established', 'dport', '=', `:${port}`], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  return text
    .split('\n')
    .filter((line) => line.includes('pid='))
    .map((line) => ({
      key: `${/ino:(\d+)/.exec(line)?.[1] ?? ''} ${/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? ''}`,
      pid: Number(/pid=(\d+)/.exec(line)?.[1]),
      bytes: Number(/bytes_sent:(\d+)/.exec(line)?.[1] ?? 0) + Number(/bytes_received:(\d+)/.exec(line)?.[1] ?? 0),
    }));
}
