import { EventEmitter, once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import { createClient } from '#runtime/client/https-client.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';
import { createReplicaWords } from '#runtime/streams/agent/replicas.ts';
import { createStreamServer } from '#runtime/streams/agent/serve-streams.ts';
import type { StreamSeat, StreamServerOptions } from '#runtime/streams/agent/stream-call.ts';
import { createWriters } from '#runtime/streams/agent/writers.ts';
import { commandIn, runRemote } from '#runtime/streams/run-remote.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createLabAuthority } from '#test/lab/pki.ts';

/** An agent's side of streams for one Domain, and a client that reaches it without a gateway. */
export async function startStreams(
  each: Test,
  {
    idleMs,
    variables = () => Promise.resolve({}),
  }: Pick<StreamServerOptions, 'idleMs'> & Pick<StreamSeat, 'variables'>,
) {
  // A sandbox has a /tmp of its own.
  const tree = await mkdtemp('/var/tmp/wcp360-streams-');
  await mkdir(join(tree, 'tmp'));
  await chmod(tree, 0o755);
  const log = join(tree, 'access.log');
  await writeFile(log, 'a line\n');
  const seat = { tenant: 'acme', uid: 20_000, tree, workingDirectory: tree, isReadOnly: false, slice: 'wcp360-20000' };
  const writers = createWriters();
  const streams = createStreamServer({
    seatOf: () => ({ ...seat, variables, logs: { access: log, error: log } }),
    databaseSeatOf: () => undefined,
    inviteTo: () => Promise.reject(new Error('nobody is invited')),
    processes: openTenantProcesses('supervisor'),
    writers,
    replicas: createReplicaWords(),
    tenantStreams: 10,
    frontGid: 33,
    idleMs,
    log: silentLogger,
  });
  const authority = await createLabAuthority('agent');
  const connections = new Set<TLSSocket>();
  const server = createTlsServer(await authority.server(), (socket) => {
    connections.add(socket);
    streams.serve(socket, new EventEmitter() as ServerHttp2Session);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const client = createClient({ server: url, tls: { ca: authority.ca.toString() } });
  const over = new AbortController();
  each.teardown(async () => {
    over.abort(new Error('the test is over'));
    await client.close();
    server.close();
    await rm(tree, { recursive: true });
  });
  const running = async (command: readonly string[], stdout = new PassThrough().resume()): Promise<number> => {
    const output = { stdout, stderr: new PassThrough().resume(), signal: over.signal };
    return await runRemote(client, { ...commandIn({ namespace: 'acme', name: 'shop' }, command), ...output });
  };
  return { streams, seat, writers, client, connections, running, to: { host: '127.0.0.1', port, ca: authority.ca } };
}
