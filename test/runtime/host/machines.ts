import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer, type Server } from 'node:tls';
import type { Test } from 'tap';
import { HostError } from '#runtime/base/errors.ts';
import { openLocalHost, type LocalHost, type LocalHostOptions } from '#runtime/host/local/open-local-host.ts';
import { createMemoryHost } from '#runtime/host/memory/memory-host.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { publicNode } from '#test/lab/public-node.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import type { Services, ShownCertificate } from '#runtime/host/host.ts';
import type { HostUnderTest } from '#test/contracts/host.ts';
import type { ServicesUnderTest } from '#test/contracts/services.ts';

/** A real machine that goes with the test; the signal aborts just before. */
export async function machineOfTest(t: Test) {
  const machine = await realMachine();
  const lifetime = new AbortController();
  t.teardown(async () => {
    lifetime.abort();
    await machine.close();
  });
  return { machine, signal: lifetime.signal };
}

/** A real host with a fresh root on tmpfs; everything it started is stopped, and the root removed, on close. */
export async function realMachine(
  services: LocalHostOptions['services'] = 'supervisor',
  root = mkdtempSync('/dev/shm/wcp360-test-'),
): Promise<HostUnderTest & { readonly host: LocalHost }> {
  chmodSync(root, 0o711);
  const host = openLocalHost({ root, services, log: silentLogger });
  const children: number[] = [];
  const servers: Server[] = [];
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
    serveTls: async (serverName) => {
      const { cert, key } = await (await createLabAuthority()).server([serverName]);
      const context = createSecureContext({ cert, key });
      const server = createServer({
        SNICallback: (name, answer) => answer(null, name === serverName ? context : undefined),
      });
      servers.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      const { serialNumber, fingerprint256, raw } = new X509Certificate(cert);
      return { port: (server.address() as AddressInfo).port, shown: { serialNumber, fingerprint256, raw } };
    },
    close: async () => {
      const signal = AbortSignal.timeout(20_000);
      for (const service of await host.services.list(signal)) await host.services.stop(service.name, signal);
      for (const pid of children) process.kill(pid);
      for (const server of servers) server.close();
      host.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The model machine. */
export async function modelMachine(): Promise<HostUnderTest> {
  const servers = new Map<number, { readonly name: string; readonly shown: ShownCertificate }>();
  const host = createMemoryHost({
    tls: (port, serverName) => {
      const server = servers.get(port);
      if (server === undefined) throw new HostError(`nobody listens on ${port}`);
      return server.name === serverName ? server.shown : undefined;
    },
  });
  return {
    host,
    symlink: (target, path) => host.byHand(path, { type: 'symlink', content: target }),
    writeByHand: (path, content) => host.byHand(path, { type: 'file', content }),
    listenAs: async (path, uid) => host.byHand(path, { type: 'socket', uid, gid: uid }),
    serveTls: async (name) => {
      const fingerprint256 = Array.from({ length: 32 }, () => 'AB').join(':');
      const shown = { serialNumber: '01AF', fingerprint256, raw: Buffer.from('certificate') };
      servers.set(443, { name, shown });
      return { port: 443, shown };
    },
    close: async () => undefined,
  };
}

/** Services that really run, in a fresh directory on tmpfs; stopped, and the directory removed, after the test. */
export function realServices(
  openServices: (directory: string, lifetime: AbortSignal) => Services,
): (test: Test) => ServicesUnderTest {
  return (test) => {
    const directory = mkdtempSync('/dev/shm/wcp360-services-');
    chmodSync(directory, 0o755);
    const opened: (() => void)[] = [];
    const open: ServicesUnderTest['open'] = () => {
      const lifetime = new AbortController();
      const letGo = (): void => lifetime.abort();
      opened.push(letGo);
      return { services: openServices(directory, lifetime.signal), letGo };
    };
    test.teardown(async () => {
      for (const letGo of opened) letGo();
      const { services, letGo } = open();
      const signal = AbortSignal.timeout(20_000);
      for (const { name } of await services.list(signal)) await services.stop(name, signal);
      letGo();
      rmSync(directory, { recursive: true });
    });
    return { directory, open };
  };
}
