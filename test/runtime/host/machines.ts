import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { openLocalHost, type LocalHost } from '#runtime/host/local/open-local-host.ts';
import { createMemoryHost } from '#runtime/host/memory/memory-host.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { publicNode } from '#test/lab/public-node.ts';
import type { HostUnderTest } from '#test/contracts/host.ts';

/** A real host with a fresh root on tmpfs; everything it started is stopped, and the root removed, on close. */
export async function realMachine(): Promise<HostUnderTest & { readonly host: LocalHost }> {
  const root = mkdtempSync('/dev/shm/wcp360-test-');
  chmodSync(root, 0o711);
  const host = openLocalHost({ root, services: 'supervisor', log: silentLogger });
  const children: number[] = [];
  return {
    host,
    symlink: (target, path) => symlinkSync(target, path),
    writeByHand: (path, content) => writeFileSync(path, content),
    listenAs: async (path, uid) => {
      const program = `require('net').createServer().listen(process.argv[1], () => console.log('ready'))`;
      const child = spawn(publicNode(), ['-e', program, path], {
        uid,
        gid: uid,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      if (child.pid !== undefined) children.push(child.pid);
      await once(child.stdout, 'data');
    },
    close: async () => {
      const signal = AbortSignal.timeout(20_000);
      for (const service of await host.services.list(signal)) await host.services.stop(service.name, signal);
      for (const pid of children) process.kill(pid);
      host.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The model machine. */
export async function modelMachine(): Promise<HostUnderTest> {
  const host = createMemoryHost();
  return {
    host,
    symlink: (target, path) => host.byHand(path, { type: 'symlink', content: target }),
    writeByHand: (path, content) => host.byHand(path, { type: 'file', content }),
    listenAs: async (path, uid) => host.byHand(path, { type: 'socket', uid, gid: uid }),
    close: async () => undefined,
  };
}
