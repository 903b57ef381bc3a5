import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer, request as httpsRequest } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { startLabServer } from '#test/lab/api-server.ts';
import { until } from '#test/lab/instance.ts';
import { createLabAuthority, type Identity } from '#test/lab/pki.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const group = 'metrics.example.com';
const servername = 'metrics.shop.svc';
const path = `/apis/${group}/v1/namespaces/shop/things/one`;
const authority = await createLabAuthority('backend');
const frontAuthority = await createLabAuthority('front-proxy');
const front = await frontAuthority.client('front-proxy-client');
const lab = await startLabServer({
  frontProxy: { cert: front.cert.toString(), key: front.key.toString(), ca: frontAuthority.ca.toString() },
});
t.teardown(() => lab.stop());

interface Backend {
  readonly port: number;
  /** What it was asked, newest last. */
  readonly asked: IncomingMessage[];
  stop(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A server that believes the front proxy only and answers discovery for itself. */
async function startBackend(
  answer: Answer,
  options: { readonly port?: number; readonly upgrade?: Upgrade } = {},
): Promise<Backend> {
  const asked: IncomingMessage[] = [];
  const own = await authority.server([servername]);
  const server = createServer({ ...own, ca: frontAuthority.ca, requestCert: true }, (request, response) => {
    if (request.url === `/apis/${group}/v1`) response.end(JSON.stringify(discovery));
    else {
      asked.push(request);
      answer(request, response);
    }
  });
  if (options.upgrade !== undefined) server.on('upgrade', options.upgrade);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const discovery = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${group}/v1`,
  resources: [
    { name: 'things', singularName: 'thing', namespaced: true, kind: 'Thing', verbs: ['get', 'list'] },
    { name: 'others/log', singularName: '', namespaced: true, kind: 'Other', verbs: ['get'] },
  ],
};

/** Declares that a backend on this port answers for the group. */
async function aggregate(
  port: number,
  tls: object = { caBundle: Buffer.from(authority.ca).toString('base64') },
): Promise<void> {
  const apply = async (at: string, object: object): Promise<void> => {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const answer = await lab.request('PATCH', `${at}?fieldManager=test&force=true`, { body: object, headers });
    if (answer.status >= 300) throw new Error(answer.text);
  };
  await apply('/api/v1/namespaces/shop', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await apply('/api/v1/namespaces/shop/services/metrics', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'metrics', namespace: 'shop' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await apply(`/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}` },
    spec: {
      group,
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      service: { namespace: 'shop', name: 'metrics', port },
      ...tls,
    },
  });
}

/** The condition `Available`, once its status is this. */
async function available(status: 'True' | 'False') {
  return await until(async () => {
    const { body } = await lab.request('GET', `/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`);
    const condition = conditionOf(body, 'Available');
    return condition?.['status'] === status ? condition : undefined;
  }, `Available=${status}`);
}

await t.test(
  'a request reaches the server behind an APIService as who it is from, whatever it says itself',
  async (each) => {
    const backend = await startBackend((_request, response) => response.writeHead(201, { 'x-own': 'yes' }).end('done'));
    each.teardown(backend.stop);
    await aggregate(backend.port);
    await available('True');
    const lies = {
      'x-remote-user': 'root',
      'x-remote-group': 'system:masters',
      'impersonate-user': 'ada',
      'impersonate-group': ['developers', 'system:masters'],
      'impersonate-extra-team': 'blue',
    };
    const answer = await lab.request('POST', `${path}?dry=1`, { body: { a: 1 }, headers: lies });
    each.same([answer.status, answer.text, answer.headers['x-own']], [201, 'done', 'yes']);
    each.type(answer.headers['audit-id'], 'string');
    const { headers, url, method } = backend.asked.at(-1) as IncomingMessage;
    each.same([method, url], ['POST', `${path}?dry=1`]);
    each.equal(headers['x-remote-user'], 'ada');
    each.equal(headers['x-remote-group'], 'developers, system:masters, system:authenticated');
    each.equal(headers['x-remote-extra-team'], 'blue');
    each.notOk(Object.keys(headers).some((name) => name.startsWith('impersonate') || name === 'authorization'));

    const session = connectHttp2(lab.url, { ca: lab.authority.ca, ...lab.admin });
    const stream = session.request({ ':path': path, authorization: 'Bearer x' });
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.resume();
    session.close();
    each.equal(head[':status'], 201, 'HTTP/2 is spoken to clients, too');
    each.equal(backend.asked.at(-1)?.headers['authorization'], undefined);
  },
);

await t.test('of several servers behind one Service one may be dead, and the API stays available', async (each) => {
  const backend = await startBackend((_request, response) => response.end('done'));
  each.teardown(backend.stop);
  let connections = 0;
  /** As a Service does, of whose two pods one has just died. */
  const balancer = createTcpServer((incoming) => {
    connections += 1;
    if (connections % 2 === 1) incoming.destroy();
    else pipeline(incoming, connect(backend.port, '127.0.0.1'), incoming).catch(() => undefined);
  }).listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  each.teardown(() => balancer.close());
  const seen = new Set<unknown>();
  const followed = until(async () => {
    const { body } = await lab.request('GET', `/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`);
    const condition = conditionOf(body, 'Available');
    seen.add(condition?.['status']);
    return connections >= 5 && seen.has('True');
  }, 'it to be asked');
  await aggregate((balancer.address() as AddressInfo).port);
  await followed;
  each.notOk(seen.has('False'));
});

await t.test('who may not, does not get there', async (each) => {
  const backend = await startBackend((_request, response) => response.end('done'));
  each.teardown(backend.stop);
  await aggregate(backend.port);
  await available('True');
  const somebody = await lab.authority.client('somebody');
  each.equal((await lab.request('GET', path, { identity: somebody })).status, 403);
  each.equal((await lab.request('GET', path, { identity: null })).status, 403);
  each.equal(backend.asked.length, 0);
});

await t.test('what another server serves is part of discovery while it answers', async (each) => {
  const backend = await startBackend((_request, response) => response.end());
  await aggregate(backend.port);
  await available('True');
  const groups = async (): Promise<readonly string[]> =>
    (await lab.request('GET', '/apis')).body.groups.map(({ name }: { readonly name: string }) => name);
  each.ok((await groups()).includes(group));
  each.equal((await lab.request('GET', `/apis/${group}`)).body.preferredVersion.version, 'v1');
  each.same((await lab.request('GET', `/apis/${group}/v1`)).body, discovery);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { body } = await lab.request('GET', '/apis', { headers: { accept } });
  const { resources } = body.items.find((item: typeof body) => item.metadata.name === group).versions[0];
  each.same(
    resources.map((resource: typeof body) => [
      resource.resource,
      resource.responseKind?.kind,
      resource.subresources?.length,
    ]),
    [
      ['others', '', 1],
      ['things', 'Thing', undefined],
    ],
  );
  await backend.stop();
  await aggregate(backend.port, { insecureSkipTLSVerify: true, caBundle: null });
  each.match(await available('False'), { reason: 'FailedDiscoveryCheck' });
  each.notOk((await groups()).includes(group));
  const refused = await lab.request('GET', path);
  each.match([refused.status, refused.body.reason, refused.headers['retry-after']], [503, 'ServiceUnavailable', '1']);
  const again = await startBackend((_request, response) => response.end('back'), { port: backend.port });
  each.teardown(again.stop);
  await available('True');
  each.equal((await lab.request('GET', path)).text, 'back');
});

await t.test(
  'a server is believed by the authority that its APIService names, or where that says so by none',
  async (each) => {
    const backend = await startBackend((_request, response) => response.end('done'));
    each.teardown(backend.stop);
    await aggregate(backend.port, { caBundle: Buffer.from(frontAuthority.ca).toString('base64') });
    each.match(await available('False'), { reason: 'FailedDiscoveryCheck' });
    each.equal((await lab.request('GET', path)).status, 503);
    await aggregate(backend.port, { insecureSkipTLSVerify: true, caBundle: null });
    each.equal((await lab.request('GET', path)).text, 'done');
  },
);

await t.test('an upgrade is passed through to both ends, and ends with either of them', async (each) => {
  const ended: string[] = [];
  const upgrade: Upgrade = (request, socket, head) => {
    socket.on('error', () => undefined);
    socket.on('close', () => ended.push(request.url ?? ''));
    if (request.url?.endsWith('refused') === true) {
      socket.end('HTTP/1.1 418 I am a teapot\r\nContent-Length: 5\r\nConnection: close\r\n\r\nshort');
      return;
    }
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Own: yes\r\n\r\nhello ',
    );
    socket.write(`${String(request.headers['x-remote-user'])} `);
    socket.write(head);
    socket.pipe(socket);
  };
  const backend = await startBackend((_request, response) => response.end('plain'), { upgrade });
  each.teardown(backend.stop);
  await aggregate(backend.port);
  await available('True');
  const asked = (url: string, identity: Identity = lab.admin) => {
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    const { hostname, port } = new URL(lab.url);
    return httpsRequest({
      hostname,
      port,
      path: url,
      method: 'POST',
      ca: lab.authority.ca,
      ...identity,
      headers,
    }).end();
  };
  const [message, socket, head] = (await once(asked(path), 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  each.equal(message.headers['x-own'], 'yes');
  let heard = head.toString();
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.write('and so on');
  await until(() => heard === 'hello admin and so on', 'the echo');
  socket.destroy();
  await until(() => ended.includes(path), 'the other end to see it');

  const [refused] = (await once(asked(`${path}/refused`), 'response')) as [IncomingMessage];
  each.equal(refused.statusCode, 418, 'what the other server says instead is the answer');
  refused.resume();
  const [forbidden] = (await once(asked(path, await lab.authority.client('somebody')), 'response')) as [
    IncomingMessage,
  ];
  each.equal(forbidden.statusCode, 403);
  forbidden.resume();
  const [own] = (await once(asked('/version'), 'response')) as [IncomingMessage];
  each.equal(own.statusCode, 405, 'a path of ours does not know the wish');
  own.resume();
});

await t.test(
  'whoever asks for an upgrade before the answer to something else is there loses the connection alone',
  async (each) => {
    const backend = await startBackend((_request, response) => response.end('plain'));
    each.teardown(backend.stop);
    await aggregate(backend.port);
    await available('True');
    const { hostname, port } = new URL(lab.url);
    const client = connectTls({ host: hostname, port: Number(port), ca: lab.authority.ca });
    const closed = once(client, 'close');
    client.on('error', () => undefined).resume();
    client.write(
      `GET /version HTTP/1.1\r\nHost: it\r\n\r\nGET ${path} HTTP/1.1\r\nHost: it\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
    );
    await closed;
    each.equal((await lab.request('GET', path)).text, 'plain', 'all others are served');
  },
);

await t.test('a client that reads no further stops the other server instead of filling this one', async (each) => {
  const block = Buffer.alloc(64 * 1024);
  let sentBytes = 0;
  let isCut = false;
  const backend = await startBackend((_request, response) => {
    const pour = (): void => {
      sentBytes += block.length;
      if (response.write(block)) setImmediate(pour);
      else response.once('drain', pour);
    };
    response.on('close', () => (isCut = true));
    pour();
  });
  each.teardown(backend.stop);
  await aggregate(backend.port);
  await available('True');
  const { hostname, port } = new URL(lab.url);
  const request = httpsRequest({ hostname, port, path, ca: lab.authority.ca, ...lab.admin }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.once('data', () => response.pause());
  let before = -1;
  await until(async () => {
    const stalled = sentBytes === before;
    before = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return stalled && sentBytes === before;
  }, 'the other server to stop');
  each.ok(sentBytes < 64 * 1024 * 1024, `${sentBytes} bytes are on their way`);
  response.destroy();
  await until(() => isCut, 'the other server to see that the client is gone');
});
