import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { ApiError, HostError, InvalidError } from '#runtime/base/errors.ts';
import { createClient, type ClientOptions } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { listAll } from '#runtime/client/list-pages.ts';
import { parseKeyText, keyText, pathOf } from '#runtime/client/resource-type.ts';
import { warningsOf } from '#runtime/client/warnings.ts';
import { linesOf } from '#runtime/client/watch-lines.ts';
import { exchangeHttp } from '#runtime/host/local/http-request.ts';
import { exchange } from '#runtime/outbound/exchange.ts';
import { startLabServer } from '#test/lab/api-server.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { probedConnections } from '#test/lab/probed-connections.ts';
import { configMapType, eventually, labClient } from '#test/lab/widgets.ts';

/** A server that answers as a test says, for what a well-behaved one never does. */
async function oddServer(
  t: Test,
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
  options: Partial<ClientOptions> = {},
): Promise<Client> {
  let count = 0;
  const server = createServer((request, response) => answer(request, response, ++count));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = createClient({ server: `http://127.0.0.1:${port}`, ...options });
  t.teardown(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return client;
}

function status(response: ServerResponse, code: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, ...body }));
}

const aConfigMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});
/** What a promise is rejected with. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolvedWith: await promise };
  } catch (err) {
    return err;
  }
}

const inDefault = (name: string) => ({ namespace: 'default', name });

t.test('every verb does on a real server what it says', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  t.teardown(() => client.close());
  t.equal(await client.get(configMapType, inDefault('a')), undefined);
  const made = await client.create(configMapType, aConfigMap('a', { x: '1' }));
  t.match(await failure(client.create(configMapType, aConfigMap('a'))), { status: 409, reason: 'AlreadyExists' });
  const replaced = await client.replace(configMapType, { ...made, data: { x: '2' } });
  t.match(replaced, { data: { x: '2' } });
  t.match(await failure(client.replace(configMapType, { ...made, data: { x: '3' } })), {
    status: 409,
    reason: 'Conflict',
  });
  const patched = await client.patch(configMapType, inDefault('a'), {
    type: 'json',
    body: [{ op: 'add', path: '/data/y', value: '4' }],
  });
  t.match(patched, { data: { x: '2', y: '4' } });
  const dry = await client.apply(configMapType, aConfigMap('b'), { fieldManager: 'm', dryRun: true });
  t.equal(dry.metadata.resourceVersion, undefined);
  await client.apply(configMapType, aConfigMap('b', { z: '1' }), { fieldManager: 'm' });
  t.match(await failure(client.apply(configMapType, aConfigMap('b', { z: '2' }), { fieldManager: 'n' })), {
    status: 409,
    faults: [{ reason: 'FieldManagerConflict', field: '.data.z' }],
  });
  t.match(await client.apply(configMapType, aConfigMap('b', { z: '2' }), { fieldManager: 'n', force: true }), {
    data: { z: '2' },
  });
  t.match(await failure(client.delete(configMapType, inDefault('b'), { preconditions: { uid: 'other' } })), {
    status: 409,
  });
  t.equal(await client.delete(configMapType, inDefault('b')), undefined);
  t.equal(await client.delete(configMapType, inDefault('b')), undefined, 'twice is as good as once');
  await client.patch(configMapType, inDefault('a'), {
    type: 'merge',
    body: { metadata: { finalizers: ['x.io/held'] } },
  });
  t.ok((await client.delete(configMapType, inDefault('a')))?.metadata.deletionTimestamp, 'held by its finalizer');
  t.match(await client.raw('GET', '/version'), { status: 200, body: /gitVersion/ });
  const missing = { group: 'no.such', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true };
  t.match(
    await failure(client.get(missing, inDefault('a'))),
    { status: 404 },
    'a missing resource is no missing object',
  );
});

t.test('a list comes in pages that are of one revision, and a watch goes on from there', async (t) => {
  const lab = await startLabServer();
  t.teardown(() => lab.stop());
  const { client } = await labClient(lab);
  t.teardown(() => client.close());
  const names = Array.from({ length: 25 }, (_, n) => `cm-${String(n).padStart(2, '0')}`);
  for (const name of names) await client.create(configMapType, aConfigMap(name));
  const { items, resourceVersion } = await listAll(client, configMapType, { namespace: 'default', limit: 7 });
  const mine = items.filter(({ metadata }) => metadata.name.startsWith('cm-'));
  t.same(
    mine.map(({ metadata }) => metadata.name),
    names,
  );
  t.ok(mine.every(({ kind, apiVersion }) => kind === 'ConfigMap' && apiVersion === 'v1'));
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const event of client.watch(configMapType, {
      namespace: 'default',
      resourceVersion,
      signal: stop.signal,
    })) {
      seen.push(`${event.type} ${event.object.metadata.name}`);
    }
  })();
  await client.delete(configMapType, inDefault('cm-03'));
  await client.patch(configMapType, inDefault('cm-04'), { type: 'merge', body: { data: { a: 'b' } } });
  await eventually(() => seen.length === 2, 'two events');
  t.same(seen, ['DELETED cm-03', 'MODIFIED cm-04']);
  stop.abort(new Error('enough'));
  await t.rejects(watching, { message: 'enough' });
});

t.test('a list of nothing is empty, also where a server says null', async (t) => {
  const answer = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadataList', metadata: {}, items: null };
  const client = await oddServer(t, (_request, response) => void response.end(JSON.stringify(answer)));
  t.same((await client.list(configMapType, { as: 'PartialObjectMetadata' })).items, []);
});

t.test('an overloaded server is asked again when it says so, with any verb, and not otherwise', async (t) => {
  const client = await oddServer(t, (_request, response, count) => {
    if (count < 3) status(response, 429, { reason: 'TooManyRequests' }, { 'retry-after': '0' });
    else response.end(JSON.stringify(aConfigMap('a')));
  });
  t.match(await client.create(configMapType, aConfigMap('a')), { kind: 'ConfigMap' });
  const stubborn = await oddServer(t, (_request, response) => status(response, 503, { reason: 'ServiceUnavailable' }));
  t.match(await failure(stubborn.get(configMapType, inDefault('a'))), { status: 503, reason: 'ServiceUnavailable' });
});

t.test('a broken connection is no end for a read, and an unknown outcome for a write', async (t) => {
  const counts = { GET: 0, POST: 0 };
  const client = await oddServer(t, (request, response) => {
    const method = request.method === 'POST' ? 'POST' : 'GET';
    counts[method] += 1;
    if (method === 'POST' || counts.GET < 3) request.socket.destroy();
    else response.end(JSON.stringify(aConfigMap('a')));
  });
  t.match(await client.get(configMapType, inDefault('a')), { kind: 'ConfigMap' });
  await t.rejects(client.create(configMapType, aConfigMap('a')), HostError);
  t.same(counts, { GET: 3, POST: 1 });
});

t.test('nothing waits for ever', async (t) => {
  const client = await oddServer(t, () => undefined, { requestTimeoutMs: 50 });
  await t.rejects(client.create(configMapType, aConfigMap('a')), {
    name: 'HostError',
    message: /no answer within 50 ms/,
  });
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('changed my mind')), 20);
  await t.rejects(client.get(configMapType, inDefault('a'), stop.signal), { message: 'changed my mind' });
});

t.test('an answer that leaves HTTP unasked is an error at once, whoever hears it', async (t) => {
  const server = createServer((request) => {
    request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}`);
  const client = createClient({ server: url.href });
  const agent = new Agent();
  const never = new AbortController().signal;
  t.teardown(async () => {
    await client.close();
    server.close();
  });
  const asked = { method: 'GET' as const, path: '/', headers: {}, timeoutMs: 600_000 };
  const outbound = { agent, timeoutMs: 600_000, maxBytes: 1_000 };
  const inTime = { name: 'HostError' };
  await t.rejects(client.create(configMapType, aConfigMap('a')), inTime);
  await t.rejects(client.stream('/', { silenceMs: 0 })[Symbol.asyncIterator]().next(), inTime);
  await t.rejects(exchange({ ...asked, url, isRepeatable: true }, outbound, never), inTime);
  await t.rejects(exchangeHttp({ ...asked, address: { host: '127.0.0.1', port } }, never), inTime);
});

t.test('a stream that is ended leaves its TLS session to the next one', async (t) => {
  const authority = await createLabAuthority();
  const server = createSecureServer(await authority.server(), (_request, response) => void response.write('begun'));
  const resumed: boolean[] = [];
  server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ server: `https://127.0.0.1:${port}`, tls: { ca: authority.ca.toString() } });
  t.teardown(async () => {
    await client.close();
    server.close();
  });
  for (const time of [1, 2, 3]) {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _chunk of client.stream('/', { signal: stop.signal })) stop.abort(new Error(`enough, ${time}`));
    };
    t.match(await failure(read()), { message: `enough, ${time}` });
  }
  t.same(resumed, [false, true, true]);
});

t.test('a server whose machine is gone without a word is noticed, whatever it is asked for', async (t) => {
  const authority = await createLabAuthority();
  const server = createSecureServer(await authority.server(), (request, response) => {
    response.write('{}');
    if (request.url === '/answered') response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ server: `https://127.0.0.1:${port}`, tls: { ca: authority.ca.toString() } });
  t.teardown(async () => {
    server.closeAllConnections();
    await client.close();
    server.close();
  });
  const probed = async (count: number, what: string) =>
    await eventually(
      async () => (await probedConnections(15)).filter(({ remote }) => remote === port).length === count,
      what,
    );
  await client.raw('GET', '/answered');
  await probed(1, 'a connection that is kept for further requests');
  const raw = await client.requestOptions('/begun');
  secureRequest(raw)
    .on('error', () => undefined)
    .end();
  await probed(2, 'one of a request that somebody else makes');
  await client.stream('/begun')[Symbol.asyncIterator]().next();
  await probed(3, 'one of a stream');
  t.pass();
});

t.test('answers that are no Status, no JSON or too long are errors that say so', async (t) => {
  const page = await oddServer(t, (_request, response) => {
    response.statusCode = 502;
    response.end('<h1>Bad gateway</h1>');
  });
  await t.rejects(page.get(configMapType, inDefault('a')), new ApiError(502, 'Unknown', '<h1>Bad gateway</h1>'));
  const noise = await oddServer(t, (_request, response) => response.end('hello'));
  await t.rejects(noise.get(configMapType, inDefault('a')), HostError);
  const flood = await oddServer(t, (_request, response) => response.end('x'.repeat(2_000)), { maxBytes: 1_000 });
  await t.rejects(flood.create(configMapType, aConfigMap('a')), { message: /longer than 1000 bytes/ });
});

t.test(
  'a watch tells of its errors: an ERROR event, a refusal, a line that never ends, an end in the middle',
  async (t) => {
    const drain = async (client: Client): Promise<void> => {
      for await (const event of client.watch(configMapType, {})) t.ok(event);
    };
    const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
    t.match(
      await failure(drain(await oddServer(t, (_request, response) => response.end(`${JSON.stringify(expired)}\n`)))),
      {
        status: 410,
        reason: 'Expired',
      },
    );
    t.match(
      await failure(drain(await oddServer(t, (_request, response) => status(response, 403, { reason: 'Forbidden' })))),
      {
        status: 403,
      },
    );
    await t.rejects(drain(await oddServer(t, (_request, response) => response.end('{"type":"ADD'))), HostError);
    await t.rejects(
      drain(await oddServer(t, (_request, response) => response.end('x'.repeat(3_000)), { maxBytes: 1_000 })),
      HostError,
    );
  },
);

t.test('lines are the same however a stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (texts, cuts) => {
        const lines = texts.map((text) => JSON.stringify(text));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const next = at + (cuts[n % cuts.length] ?? 1);
          chunks.push(bytes.subarray(at, next));
          at = next;
        }
        const found: string[] = [];
        for await (const some of linesOf(asStream(chunks), 10_000)) found.push(...some);
        return JSON.stringify(found) === JSON.stringify(lines);
      },
    ),
  );
});

async function* asStream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

t.test('no name climbs out of its collection', (t) => {
  const type = { group: 'a.b', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true };
  t.equal(pathOf(type, { namespace: 'n', name: 'x' }, 'status'), '/apis/a.b/v1/namespaces/n/things/x/status');
  for (const name of ['..', '.', 'a/b', '']) t.throws(() => pathOf(type, { namespace: 'n', name }), InvalidError);
  t.throws(() => pathOf(type, { name: 'x' }), InvalidError);
  fc.assert(
    fc.property(fc.string(), (name) => {
      try {
        const url = new URL(pathOf(type, { namespace: 'n', name }), 'https://server');
        return url.pathname.startsWith('/apis/a.b/v1/namespaces/n/things/') && url.search === '' && url.hash === '';
      } catch (err) {
        return err instanceof InvalidError || err instanceof URIError;
      }
    }),
  );
  t.same(parseKeyText(keyText({ namespace: 'n', name: 'x' })), { namespace: 'n', name: 'x' });
  t.end();
});

t.test('warnings are taken out of their header', (t) => {
  t.same(warningsOf('299 - "a \\"b\\"", 299 - "c, d"'), ['a "b"', 'c, d']);
  t.same(warningsOf(undefined), []);
  t.end();
});

t.test('a kubeconfig gives server and credentials; files are read again; what is wrong is named', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-kubeconfig-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'config');
  await writeFile(join(directory, 'token'), 'first\n');
  await writeFile(
    path,
    [
      'current-context: one',
      'clusters: [{ name: c, cluster: { server: "https://c:1", certificate-authority-data: Q0E= } }]',
      'users:',
      '- { name: files, user: { tokenFile: token } }',
      '- { name: inline, user: { client-certificate-data: Q0VSVA==, client-key-data: S0VZ } }',
      'contexts:',
      '- { name: one, context: { cluster: c, user: files, namespace: acme } }',
      '- { name: two, context: { cluster: c, user: inline } }',
      '- { name: bad, context: { cluster: c, user: nobody } }',
    ].join('\n'),
  );
  let now = 0;
  const one = await loadKubeconfig({ path, now: () => now });
  t.match(one, { server: 'https://c:1', namespace: 'acme', context: 'one', certificateAuthority: 'CA' });
  t.match(await one.credentials.current(), { headers: { authorization: 'Bearer first' }, tls: { ca: 'CA' } });
  const { tls } = await one.credentials.current();
  await writeFile(join(directory, 'token'), 'second\n');
  t.match(await one.credentials.current(), { headers: { authorization: 'Bearer first' } });
  now += 61_000;
  const later = await one.credentials.current();
  t.match(later, { headers: { authorization: 'Bearer second' } });
  t.equal(later.tls, tls, 'the same material keeps its connections');
  await writeFile(join(directory, 'token'), 'third\n');
  one.credentials.expire();
  t.match(await one.credentials.current(), { headers: { authorization: 'Bearer third' } });
  const two = await loadKubeconfig({ env: { KUBECONFIG: `${directory}/none:${path}` }, context: 'two' });
  t.match(await two.credentials.current(), { tls: { cert: 'CERT', key: 'KEY' }, headers: {} });
  await t.rejects(loadKubeconfig({ path, context: 'bad' }), { message: /there is no user "nobody"/ });
  await t.rejects(loadKubeconfig({ path, context: 'x' }), { message: /there is no context "x"/ });
  await t.rejects(loadKubeconfig({ path: join(directory, 'none') }), HostError);
});

t.test('a user with an exec plugin is left to the official client', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-kubeconfig-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'config');
  const credential = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'from-plugin' },
  });
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: '/bin/echo',
    args: [credential],
    interactiveMode: 'Never',
  };
  const config = {
    'current-context': 'x',
    clusters: [{ name: 'c', cluster: { server: 'https://c:1' } }],
    users: [{ name: 'u', user: { exec } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  };
  await writeFile(path, JSON.stringify(config));
  const { credentials } = await loadKubeconfig({ path });
  t.match(await credentials.current(), { headers: { authorization: 'Bearer from-plugin' } });
});
