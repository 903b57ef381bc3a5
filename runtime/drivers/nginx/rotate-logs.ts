import type { Host } from '#runtime/host/host.ts';

/** Bounds of one log: rotated beyond `maxBytes`, `keep` older ones are kept as `.1`, `.2`, … */
export interface LogBounds {
  readonly maxBytes: number;
  readonly keep: number;
}

/**
 * Rotates access logs of all tenants and the front's own, then tells nginx once. Workers open logs by name and look every five seconds whether
 * the name is still the same file: lines of these seconds go into the rotated one, none is lost.
 */
export async function rotateLogs(host: Host, bounds: LogBounds, signal: AbortSignal): Promise<number> {
  const tenants = (await host.readDirectory(`${host.root}/tenants`, signal)) ?? [];
  let count = 0;
  for (const tenant of tenants) {
    if (tenant.type === 'directory') {
      count += await rotateDirectory(host, `${host.root}/tenants/${tenant.name}/logs`, bounds, signal);
    }
  }
  count += await rotateDirectory(host, `${host.root}/front/logs`, bounds, signal);
  count += await rotateFile(host, `${host.root}/front/error.log`, bounds, signal);
  const isRunning = (await host.services.get('nginx', signal))?.running === true;
  if (count > 0 && isRunning) await host.services.signal('nginx', 'SIGUSR1');
  return count;
}

async function rotateDirectory(host: Host, directory: string, bounds: LogBounds, signal: AbortSignal): Promise<number> {
  const entries = (await host.readDirectory(directory, signal)) ?? [];
  let count = 0;
  for (const entry of entries) {
    if (entry.type === 'file' && entry.name.endsWith('.access.log')) {
      count += await rotateFile(host, `${directory}/${entry.name}`, bounds, signal);
    }
  }
  return count;
}

async function rotateFile(host: Host, path: string, bounds: LogBounds, signal: AbortSignal): Promise<number> {
  const facts = await host.facts(path, signal);
  if (facts?.type !== 'file' || facts.sizeBytes <= bounds.maxBytes) return 0;
  await host.removeFile(`${path}.${bounds.keep}`, signal);
  for (let number = bounds.keep - 1; number >= 1; number -= 1) {
    if ((await host.facts(`${path}.${number}`, signal)) !== undefined) {
      await host.rename(`${path}.${number}`, `${path}.${number + 1}`, signal);
    }
  }
  if (bounds.keep > 0) await host.rename(path, `${path}.1`, signal);
  else await host.removeFile(path, signal);
  // A worker that finds the name gone when it looks drops the line it was about to write.
  await host.replaceFile(path, '', { mode: facts.mode, uid: facts.uid, gid: facts.gid }, signal);
  return 1;
}
