import { EventEmitter, getEventListeners, once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, get as httpsGet } from 'node:https';
import { connect as connectHttp2, performServerHandshake, type ServerHttp2Session } from 'node:http2';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { duplexPair, PassThrough, Readable, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { ApiError, HostError } from '#runtime/base/errors.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createClientSessions } from '#runtime/drivers/adminer/index.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { openTenantProcesses } from '#runtime/host/local/open-tenant-processes.ts';
import { keepAttached } from '#runtime/streams/agent/attach.ts';
import { createShares } from '#runtime/streams/agent/shares.ts';
import { createReplicaWords } from '#runtime/streams/agent/replicas.ts';
import { lineTimeMs } from '#runtime/streams/agent/line-time.ts';
import { selectLines } from '#runtime/streams/agent/select-lines.ts';
import { exitCodeOf, exitStatus } from '#runtime/streams/exit-status.ts';
import { remoteUserOf } from '#runtime/streams/gateway/front-proxy.ts';
import { keepPublished, replicaIdOf } from '#runtime/streams/gateway/publish.ts';
import { createTunnels } from '#runtime/streams/gateway/tunnels.ts';
import { connectionOver, keepAlive } from '#runtime/streams/tunnel.ts';
import { openGatewayIdentity } from '#runtime/cmd/controller/gateway-identity.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority } from '#runtime/pki/issue.ts';
import { startGateway } from '#runtime/streams/gateway/gateway.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { parseStreamPath, STREAMS, streamPath, type StreamTarget } from '#schemas/meta/streams.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { until } from '#test/lab/instance.ts';
import { freePort } from '#test/lab/free-port.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { createLabAuthority, type LabAuthority } from '#test/lab/pki.ts';
import { processesWith } from '#test/lab/processes-with.ts';
import { startStreams } from '#test/lab/streams.ts';
import { configMapType, labClient } from '#test/lab/widgets.ts';

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/u);

await t.test('a stream has one path, and no other path is taken for it', (each) => {
  const targets = fc.oneof(
    fc.record({
      resource: fc.constant('domains'),
      subresource: fc.constantFrom('log', 'exec'),
      namespace: label,
      name: label,
    }),
    fc.record({
      resource: fc.constant('domains'),
      subresource: fc.constant('proxy'),
      operation: fc.constantFrom('files', 'archive'),
      namespace: label,
      name: label,
    }),
    fc.record({
      resource: fc.constant('databases'),
      subresource: fc.constantFrom('dump', 'restore', 'shell', 'web'),
      namespace: label,
      name: label,
    }),
    fc.record({
      resource: fc.constant('hosts'),
      subresource: fc.constant('attach'),
      namespace: fc.constant(''),
      name: label,
    }),
  );
  fc.assert(
    fc.property(targets, (target) => {
      each.same(parseStreamPath(streamPath(target as StreamTarget)), target);
    }),
  );
  const prefix = `/apis/${STREAMS.group}/${STREAMS.version}`;
  for (const path of [
    '/namespaces/acme/domains/shop',
    '/namespaces/acme/domains/shop/attach',
    '/namespaces/acme/domains/shop/exec/more',
    '/namespaces/acme/domains/shop/proxy',
    '/namespaces/acme/domains/shop/proxy/other',
    '/namespaces/acme/domains/shop/proxy/files/more',
    '/namespaces/acme/domains/shop/files',
    '/namespaces/acme/hosts/web1/attach',
    '/namespaces/../domains/shop/exec',
    '/namespaces/acme//domains/shop/exec',
    '/namespaces/acme/domains/%2e%2e/exec',
    '/hosts/web1/exec',
    '/hosts/a/b/attach',
  ])
    each.equal(parseStreamPath(prefix + path), undefined, path);
  each.end();
});

await t.test('lines of logs tell when they were written', (each) => {
  const at = Date.UTC(2026, 10, 28, 14, 4, 11);
  each.equal(lineTimeMs('192.0.2.1 - - [28/Nov/2026:14:04:11 +0000] "GET / HTTP/1.1" 200 1'), at);
  each.equal(lineTimeMs('192.0.2.1 - - [28/Nov/2026:15:34:11 +0130] "GET / HTTP/1.1" 200 1'), at);
  each.equal(lineTimeMs('192.0.2.1 - - [28/Nov/2026:13:34:11 -0030] "GET / HTTP/1.1" 200 1'), at);
  each.equal(lineTimeMs('[28-Nov-2026 14:04:11 UTC] PHP Warning:  cup'), at);
  each.equal(lineTimeMs('[28-Nov-2026 14:04:11] NOTICE: ready'), new Date(2026, 10, 28, 14, 4, 11).getTime());
  each.equal(lineTimeMs('Stack trace:'), undefined);
  each.equal(lineTimeMs('[28/Foo/2026:14:04:11 +0000]'), undefined);
  each.end();
});

await t.test(
  'of a log the lines from some time on are chosen, and one without an end is held by nobody',
  async (each) => {
    const at = (minute: number): string => `[28/Nov/2026:14:0${minute}:11 +0000]`;
    const since = Date.UTC(2026, 10, 28, 14, 2, 0);
    const chosen = async (chunks: readonly string[]): Promise<string> =>
      await text(selectLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), since));
    const lines = [`${at(1)} old\n`, 'and more\n', `${at(2)} new\n`, `ü of it ${at(1).slice(0, 8)}\n`, `${at(3)} last`];
    each.equal(await chosen([lines.join('')]), lines.slice(2).join(''));
    each.equal(await chosen(lines.join('').split(/(?<=.)/su)), lines.slice(2).join(''), 'in whatever pieces they come');
    let taken = 0;
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(`${at(3)} `);
      for (; taken < 2_000; taken += 1) yield Buffer.alloc(65_536, taken % 2 === 0 ? 'x' : at(1));
    };
    let [given, held] = [0, 0];
    for await (const { length } of selectLines(endless(), since)) {
      held = Math.max(held, taken * 65_536 - given);
      given += length;
    }
    each.ok(held <= 2 * 65_536, `${held} bytes were held`);
    each.equal(given, 2_000 * 65_536 + at(3).length + 1);
  },
);

await t.test('how a program ended survives the wire', (each) => {
  for (const code of [0, 1, 7, 137]) each.equal(exitCodeOf(JSON.stringify(exitStatus(code))), code);
  const refused = { kind: 'Status', status: 'Failure', reason: 'InternalError', message: 'no such program' };
  each.throws(() => exitCodeOf(JSON.stringify(refused)), { reason: 'InternalError', message: 'no such program' });
  each.end();
});

await t.test('a tenant has its share, whatever others have, and gets it back', (each) => {
  const shares = createShares(2);
  const leave = [shares.enter('acme'), shares.enter('acme')];
  each.throws(() => shares.enter('acme'), ApiError);
  shares.enter('beta');
  leave[0]?.();
  shares.enter('acme');
  each.equal(shares.total(), 3);
  each.end();
});

await t.test('who asks is read from the headers that the cluster uses for it, and from no others', (each) => {
  const trust = {
    ca: '',
    names: [],
    userHeaders: ['X-Remote-User'],
    groupHeaders: ['X-Remote-Group'],
    extraPrefixes: ['X-Remote-Extra-'],
  };
  const raw = [
    'x-remote-user',
    'ada',
    'X-Remote-Group',
    'dev',
    'x-remote-group',
    'ops',
    'X-Remote-Extra-a%2fb',
    'c',
    'Remote-User',
    'root',
  ];
  each.same(remoteUserOf(trust, raw), { name: 'ada', groups: ['dev', 'ops'], extra: { 'a/b': ['c'] } });
  each.equal(remoteUserOf(trust, ['Remote-User', 'root']), undefined);
  each.end();
});

await t.test('an agent knows which replica it lacks, as soon as any tells it and when a tunnel ends', async (each) => {
  const words = createReplicaWords();
  const never = new AbortController().signal;
  /** As much of a session as is looked at: that it may end. */
  const tunnel = (): ServerHttp2Session =>
    Object.assign(new EventEmitter(), { destroyed: false, destroy: () => undefined }) as unknown as ServerHttp2Session;
  const [one, again, two] = [tunnel(), tunnel(), tunnel()];
  each.ok(words.missing(), 'the first one is always missing');
  const introduced = words.introduction(one, never);
  each.ok(words.hear(one, { self: 'a', all: ['a'] }));
  each.ok(await introduced);
  each.notOk(words.missing());
  const waiting = words.untilMissing(never);
  words.hear(one, { self: 'a', all: ['a', 'b'] });
  each.ok(await waiting, 'another replica came');
  each.notOk(words.hear(again, { self: 'a', all: ['a', 'b'] }), 'a second tunnel to the same replica is none');
  each.notOk(await words.introduction(again, never));
  words.hear(two, { self: 'b', all: ['a', 'b'] });
  each.ok(await words.introduction(two, never));
  each.notOk(words.missing());
  one.emit('close');
  each.ok(words.missing());
  const impatient = new AbortController();
  const silent = words.introduction(tunnel(), impatient.signal);
  impatient.abort(new Error('too late'));
  await each.rejects(silent, /before the gateway said/u);
});

await t.test(
  'replicas know of each other, ask for nothing that stands, and the last to stop takes the API down',
  async (each) => {
    const lab = await startLabServer();
    const { client } = await labClient(lab);
    each.teardown(async () => {
      await client.close();
      await lab.stop();
    });
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'wcp360-system' } };
    await lab.request('POST', '/api/v1/namespaces', { body: namespace });
    const known = new Map<string, readonly string[]>();
    const begin = (identity: string) => {
      const stop = new AbortController();
      const onReplicas = (all: readonly string[]): void => void known.set(identity, all);
      const options = {
        client,
        identity,
        port: 443,
        authority: 'PEM',
        clock: {
          ...systemClock,
          sleep: async (ms: number, signal: AbortSignal) => await systemClock.sleep(ms / 50, signal),
        },
        log: silentLogger,
        onReplicas,
      };
      const ended = keepPublished(options, stop.signal);
      const end = async () => (stop.abort(new Error('stopped')), await ended);
      each.teardown(end);
      return { stop: end };
    };
    const announced = `/apis/apiregistration.k8s.io/v1/apiservices/${STREAMS.version}.${STREAMS.group}`;
    const isAnnounced = async (): Promise<boolean> => (await lab.request('GET', announced)).status === 200;
    const one = begin('one');
    await until(isAnnounced, 'the API to be announced');
    await until(() => known.get('one')?.[0] === replicaIdOf('one'), 'the first one to know itself');
    const lastRequests = () =>
      lab.auditLines
        .slice(-5)
        .map(
          (line) => JSON.parse(line) as { readonly verb: string; readonly objectRef?: { readonly resource: string } },
        )
        .map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`);
    await until(() => lastRequests().every((each) => each === 'patch leases'), 'heartbeats and nothing else');
    await lab.request('DELETE', announced);
    await until(isAnnounced, 'what was deleted to be announced again');
    const two = begin('two');
    await until(() => known.get('one')?.length === 2 && known.get('two')?.length === 2, 'both to know both');
    await one.stop();
    each.ok(await isAnnounced(), 'the other one goes on');
    await until(() => known.get('two')?.length === 1, 'the other one to know');
    await two.stop();
    each.notOk(await isAnnounced());
  },
);

await t.test('an agent is asked by a tunnel that it keeps, the newest that lives, and waited for', async (each) => {
  const tunnels = createTunnels('a', silentLogger);
  const server = createServer((socket) => tunnels.attach('web1', { socket, head: Buffer.alloc(0) })).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  /** An agent, and what it answers to the replica that says who it is. */
  const dial = (name: string, verdict: 204 | 409): ServerHttp2Session => {
    const session = performServerHandshake(connect((server.address() as AddressInfo).port, '127.0.0.1'));
    const http = createHttpServer((request, response) => {
      if (request.url === '/replicas') response.writeHead(verdict).end();
      else response.end(name);
    });
    session.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      http.emit('connection', connectionOver(stream));
    });
    return session;
  };
  const asked = async (patience = AbortSignal.timeout(10_000)): Promise<string | undefined> => {
    const outgoing = (await tunnels.sender('web1', patience))?.({ path: '/' }).end();
    if (outgoing === undefined) return undefined;
    const [message] = (await once(outgoing, 'response')) as [IncomingMessage];
    return await text(message);
  };
  each.equal(await asked(AbortSignal.abort()), undefined);
  const early = asked();
  const first = dial('first', 204);
  each.equal(await early, 'first', 'who asked before it came');
  const refused = dial('refused', 409);
  await once(refused, 'close');
  each.equal(await asked(), 'first', 'a tunnel that the agent does not keep is none');
  const second = dial('second', 204);
  await until(async () => (await asked()) === 'second', 'the newer one to be used');
  second.close();
  await until(async () => (await asked()) === 'first', 'the first one to be used again');
  each.same(tunnels.hosts(), ['web1']);
  first.close();
  await until(() => tunnels.hosts().length === 0, 'none to be left');
  each.equal(await asked(AbortSignal.timeout(50)), undefined);
  server.close();
});

await t.test('a tunnel that breaks in the middle of an answer ends no more than itself', async (each) => {
  const said: string[] = [];
  const info = (_fields: unknown, message: string): void => void said.push(message);
  const tunnels = createTunnels('a', { ...silentLogger, info });
  const server = createServer((socket) => tunnels.attach('web1', { socket, head: Buffer.alloc(0) })).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  each.teardown(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const session = performServerHandshake(socket);
  session.on('error', () => undefined);
  session.on('stream', (stream) => {
    stream.on('error', () => undefined).respond({ ':status': 200 });
    stream.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
    // Once that is answered the other end has the head.
    session.ping(() => setImmediate(() => socket.resetAndDestroy()));
  });
  const ends = ['agent detached', 'an agent does not know of all replicas'];
  await until(() => ends.every((end) => said.includes(end)), 'its end, and that of the answer');
  each.same(tunnels.hosts(), []);
});

await t.test('a tunnel that has just ended is asked for no word', (each) => {
  mock.timers.enable({ apis: ['setInterval'] });
  each.teardown(() => mock.timers.reset());
  const [stream] = duplexPair();
  const session = connectHttp2('http://agent', { createConnection: () => stream });
  keepAlive(session);
  session.destroy();
  each.doesNotThrow(() => mock.timers.tick(20_000));
  each.end();
});

await t.test('however often an agent dials, nothing of it is left once a tunnel has ended', async (each) => {
  const authority = await createLabAuthority('agent');
  const gateway = createHttpsServer(await authority.server()).listen(0, '127.0.0.1');
  let dials = 0;
  gateway.on('upgrade', (_request, socket: Duplex) => {
    dials += 1;
    socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2\r\n\r\n');
  });
  await once(gateway, 'listening');
  const url = `https://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const client = createClient({ server: url, tls: { ca: authority.ca.toString() } });
  const stop = new AbortController();
  const ended = keepAttached(
    {
      client,
      hostName: 'web1',
      serve: () => undefined,
      replicas: createReplicaWords(),
      clock: { ...systemClock, sleep: async () => await systemClock.sleep(1) },
      log: silentLogger,
    },
    stop.signal,
  );
  each.teardown(async () => {
    await client.close();
    gateway.close();
  });
  await until(() => dials >= 20, 'many dials');
  each.ok(getEventListeners(stop.signal, 'abort').length <= 3, 'at most those of the dial that is under way');
  stop.abort(new Error('stopped'));
  await ended;
});

await t.test(
  'a stream on which nothing moves is ended, and says so; one on which something moves goes on',
  async (each) => {
    const { streams, client, running } = await startStreams(each, { idleMs: 1_500 });
    const path = streamPath({ resource: 'domains', subresource: 'log', namespace: 'acme', name: 'shop' });
    await Promise.all([
      each.rejects(running(['sleep', '600']), { message: /nothing moved for 0.025 minutes/u }),
      each.resolveMatch(running(['sh', '-c', 'for each in 1 2 3 4 5 6 7 8; do echo; sleep 0.3; done; exit 7']), 7),
      each.rejects(client.raw('GET', `${path}?follow=true`), { code: 'WCP_HOST' }),
    ]);
    await until(() => streams.open() === 0, 'all to be over');
  },
);

await t.test('whoever stops reading, be it a program, a log or a copy, is let go at last', async (each) => {
  const { streams, seat, client, running } = await startStreams(each, { idleMs: 1_500 });
  // More than connections hold.
  for (const name of ['access.log', 'large']) await writeFile(join(seat.tree, name), 'x'.repeat(40_000_000));
  const domain = { resource: 'domains', namespace: 'acme', name: 'shop' } as const;
  const never = new AbortController();
  each.teardown(() => never.abort(new Error('the test is over')));
  const options = { signal: never.signal, silenceMs: 0 };
  const unread = [
    client.stream(streamPath({ ...domain, subresource: 'log' }), options),
    client.stream(streamPath({ ...domain, subresource: 'proxy', operation: 'archive' }), {
      ...options,
      body: Buffer.from('large\0'),
    }),
  ].map((chunks) => chunks[Symbol.asyncIterator]());
  for (const chunks of unread) await chunks.next();
  running(['cat', '/dev/zero'], new PassThrough()).catch(() => undefined);
  await until(() => streams.open() === 3, 'all to have begun');
  await until(() => streams.open() === 0, 'their places to be free');
});

await t.test(
  'whoever leaves while lines of a log are being chosen for them leaves the agent as it was',
  async (each) => {
    const { streams, seat, client } = await startStreams(each, { idleMs: 600_000 });
    const line = '192.0.2.1 - - [28/Nov/2026:14:04:11 +0000] "GET / HTTP/1.1" 200 1\n';
    await writeFile(join(seat.tree, 'access.log'), line.repeat(400_000));
    const path = streamPath({ resource: 'domains', subresource: 'log', namespace: 'acme', name: 'shop' });
    for (let round = 0; round < 10; round += 1) {
      const leaving = new AbortController();
      const chunks = client.stream(`${path}?sinceSeconds=999999999`, { signal: leaving.signal, silenceMs: 0 });
      await chunks[Symbol.asyncIterator]().next();
      await delay(round);
      leaving.abort(new Error('it has left'));
      await until(() => streams.open() === 0, 'its place to be free');
    }
  },
);

await t.test('whoever leaves while a program is still being found holds neither place nor files', async (each) => {
  const asked = Promise.withResolvers<undefined>();
  const found = Promise.withResolvers<Readonly<Record<string, string>>>();
  const variables = async () => (asked.resolve(undefined), await found.promise);
  const { streams, writers, connections, running } = await startStreams(each, { idleMs: 600_000, variables });
  const left = each.rejects(running(['true']), { code: 'WCP_HOST' });
  await asked.promise;
  each.equal(writers.count('acme'), 1);
  for (const connection of connections) await once(connection.destroy(), 'close');
  await left;
  found.resolve({});
  await until(() => streams.open() === 0, 'its place to be free');
  each.equal(writers.count('acme'), 0);
});

await t.test('what no program can be given is told, and who then sends nonsense ends no agent', async (each) => {
  const variables = async () => await Promise.resolve({ MAP: 'x'.repeat(200_000), 'no-variable': 'x'.repeat(200_000) });
  const { streams, seat, running, to } = await startStreams(each, { idleMs: 600_000, variables });
  const umask = process.umask();
  await each.rejects(running(['true']), { reason: 'Conflict', message: /variable MAP is longer/u });
  const { start } = openTenantProcesses('supervisor');
  each.throws(() => start(seat, ['/bin/echo', 'x'.repeat(200_000)]), HostError);
  each.equal(process.umask(), umask);
  const longest = 'x'.repeat(128 * 1024 - 'WCP_VAR_V0=\0'.length);
  const most = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`V${index}`, longest]));
  const { stdout, ended } = start(seat, ['/bin/sh', '-c', 'echo ${#V0}; echo ${#V7}'], { variables: most });
  each.same([await text(stdout), await ended], [`${longest.length}\n${longest.length}\n`, 0]);
  const exec = streamPath({ resource: 'domains', subresource: 'exec', namespace: 'acme', name: 'shop' });
  const head = [
    `GET ${exec}?command=true HTTP/1.1`,
    'Host: it',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  ];
  const socket = connectTls(to);
  const closed = once(socket.resume(), 'close');
  socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.alloc(6, 0xff)]));
  await closed;
  await until(() => streams.open() === 0, 'its place to be free');
});

await t.test(
  'a program that is killed at whatever moment of its start has ended, and nothing of it is left',
  async (each) => {
    const tree = await mkdtemp('/var/tmp/wcp360-killed-');
    each.teardown(() => rm(tree, { recursive: true }));
    await mkdir(join(tree, 'tmp'));
    await chmod(tree, 0o755);
    const processes = openTenantProcesses('supervisor');
    const seat = { tenant: 'acme', uid: 20_000, tree, workingDirectory: tree, isReadOnly: false, slice: '' };
    /** While a sandbox is being built there are processes that nothing binds to each other yet. */
    for (let ms = 0; ms < 60; ms += 0.25) {
      const process = processes.start(seat, ['/usr/bin/sleep', '600']);
      await delay(ms % 15);
      process.kill();
      each.equal(
        await Promise.race([process.ended, delay(patienceMs, 'never', { ref: false })]),
        137,
        `after ${ms % 15} ms`,
      );
    }
    await until(() => processesWith('cmdline', tree).length === 0, 'all to be gone');
  },
);

await t.test(
  'a front proxy is known by the authority that the cluster names now, however often the gateway renews itself',
  async (each) => {
    const [lab, before, after] = [
      await startLabServer(),
      await createLabAuthority('before'),
      await createLabAuthority('after'),
    ];
    const { client } = await labClient(lab);
    const stop = new AbortController();
    each.teardown(async () => {
      stop.abort(new Error('the test is over'));
      await client.close();
      await lab.stop();
    });
    const place = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
    const names = async ({ ca }: LabAuthority): Promise<void> => {
      const data = {
        'requestheader-client-ca-file': ca.toString(),
        'requestheader-allowed-names': '["front-proxy"]',
        'requestheader-username-headers': '["X-Remote-User"]',
      };
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: place, data };
      await client.apply(configMapType, object, { fieldManager: 'lab', force: true });
    };
    await names(before);
    const authority = await issueAuthority('gateway', newKey(), Date.now());
    const port = await freePort();
    const kept = await openGatewayIdentity(
      { client, authority, log: silentLogger, lookMs: 20, renewMs: 200 },
      stop.signal,
    );
    const gateway = await startGateway(
      {
        listen: { host: '127.0.0.1', port },
        identity: kept.current,
        client,
        hostOf: () => undefined,
        tunnels: createTunnels('a', silentLogger),
        log: silentLogger,
      },
      stop.signal,
    );
    void kept.keep(gateway.renew);
    /** The serial number of the gateway, once it has answered whoever this authority says is the front proxy. */
    const asked = async (of: LabAuthority): Promise<string> => {
      const identity = await of.client('front-proxy');
      const options = { ...identity, rejectUnauthorized: false, agent: false, headers: { 'x-remote-user': 'ada' } };
      const [answer] = (await once(
        httpsGet(`https://127.0.0.1:${port}/apis/${STREAMS.group}/${STREAMS.version}`, options),
        'response',
      )) as [IncomingMessage];
      const { serialNumber } = (answer.socket as TLSSocket).getPeerCertificate();
      await text(answer);
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}`);
      return serialNumber;
    };
    const first = await asked(before);
    await until(async () => (await asked(before)) !== first, 'another certificate of the gateway');
    await each.rejects(asked(after), 'nobody else is the front proxy');
    await names(after);
    await until(async () => await asked(after), 'the other authority to be known');
    await each.rejects(asked(before), 'nor is who was');
  },
);

/** Sessions by a clock that a test sets. */
function sessionsAt(start: number) {
  const clock = { nowMs: start };
  const times = { tokenMs: 60, idleMs: 900, lifeMs: 3_000 };
  return { clock, sessions: createClientSessions<string>(times, () => clock.nowMs) };
}

await t.test('a way in is good once, and until its time is over', (each) => {
  const { clock, sessions } = sessionsAt(0);
  const { token, expiresAtMs } = sessions.grant('acme');
  each.equal(expiresAtMs, 60);
  each.match(token, /^[\w-]{43}$/, '256 bits');
  clock.nowMs = 59;
  const cookie = sessions.redeem(token) ?? '';
  each.match(cookie, /^[\w-]{43}$/);
  each.equal(sessions.redeem(token), undefined, 'a second time');
  const late = sessions.grant('acme');
  clock.nowMs = 59 + 60;
  each.equal(sessions.redeem(late.token), undefined, 'too late');
  each.match(sessions.enter(cookie), { subject: 'acme' });
  each.equal(sessions.enter(token), undefined, 'a token is no cookie');
  each.equal(sessions.enter(''), undefined);
  each.end();
});

await t.test('a session ends when nobody uses it, and at last in any case', (each) => {
  const { clock, sessions } = sessionsAt(0);
  const begin = (): string => sessions.redeem(sessions.grant('acme').token) ?? '';
  const [used, unused] = [begin(), begin()];
  for (clock.nowMs = 800; clock.nowMs < 3_000; clock.nowMs += 800)
    each.match(sessions.enter(used), { subject: 'acme' });
  each.equal(sessions.enter(unused), undefined);
  clock.nowMs = 3_000;
  each.equal(sessions.enter(used), undefined, 'though it was in use');
  each.equal(sessions.sweep(() => true).length, 2, 'both are told of once');
  each.equal(sessions.sweep(() => true).length, 0);
  each.end();
});

await t.test('sessions and ways in go with what they are for, and those of others stay', (each) => {
  const { sessions } = sessionsAt(0);
  const [ours, theirs] = [sessions.grant('acme'), sessions.grant('other')];
  const [left = '', stays = ''] = ['acme', 'other'].map((subject) => sessions.redeem(sessions.grant(subject).token));
  each.equal(
    sessions.count((subject) => subject === 'acme'),
    2,
  );
  each.match(
    sessions.sweep((subject) => subject !== 'acme'),
    [{ subject: 'acme' }],
  );
  each.equal(
    sessions.count((subject) => subject === 'acme'),
    0,
  );
  each.equal(sessions.enter(left), undefined);
  each.equal(sessions.redeem(ours.token), undefined);
  each.match(sessions.enter(stays), { subject: 'other' });
  each.ok(sessions.redeem(theirs.token));
  each.match(sessions.leave(stays), { subject: 'other' });
  each.equal(sessions.leave(stays), undefined);
  each.end();
});
