import { createHash } from 'node:crypto';
import { lchownSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { probeSite, rotateLogs, startFront, type Site } from '#runtime/drivers/nginx/index.ts';
import { until } from '#test/lab/instance.ts';
import { serving } from '#test/lab/serving.ts';
import { openFrontLab } from '#test/runtime/drivers/front-lab.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: nginx drops to another user');
  process.exit();
}

const lab = await openFrontLab(t);
const { ask, put, file, root, host, signal } = lab;
const base = `${root}/tenants/acme/domains/shop`;
const static_ = (overrides: object = {}): Pick<Site, 'serve'> => ({
  serve: { type: 'static', base, root: 'public', fallback: 'NotFound', ...overrides },
});

/** A backend that tells what reached it, and echoes WebSocket frames. */
const backend = createServer((incoming, answer) => {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    answer.setHeader('x-accel-redirect', '/secret');
    answer.setHeader('x-backend', 'yes');
    answer.setHeader('x-frame-options', 'from-backend');
    answer.statusCode = incoming.url === '/404' ? 404 : 200;
    answer.end(JSON.stringify({ url: incoming.url, headers: incoming.headers, size: Buffer.concat(chunks).length }));
  });
});
backend.on('upgrade', (incoming, socket) => {
  const key = `${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
const backendPort = (backend.address() as AddressInfo).port;
t.teardown(() => backend.closeAllConnections());
t.teardown(() => backend.close());

const proxyTo = (overrides: object = {}): Pick<Site, 'serve'> => ({
  serve: {
    type: 'proxy',
    target: {
      type: 'address',
      scheme: 'http',
      host: '127.0.0.1',
      port: backendPort,
      allowed: [{ cidr: '127.0.0.1/32', fromPort: 1024, toPort: 65535 }],
      ...overrides,
    },
  },
});

await t.test('static files are served with their type, index, compression and cache policy', async (each) => {
  file('public/index.html', '<p>home</p>');
  file('public/deep/index.html', '<p>deep</p>');
  file('public/style.css', 'p { color: red }\n'.repeat(200));
  file('public/large.bin', 'x'.repeat(300_000));
  await put('static.example', { ...static_(), cacheSeconds: 3600 });
  each.match(await ask('static.example'), {
    status: 200,
    body: '<p>home</p>',
    headers: { 'content-type': 'text/html' },
  });
  each.match(await ask('static.example', '/deep/'), { status: 200, body: '<p>deep</p>' });
  each.match(await ask('static.example', '/deep'), { status: 301, headers: { location: '/deep/' } });
  const css = await ask('static.example', '/style.css', { headers: { 'accept-encoding': 'gzip' } });
  each.match(css.headers, {
    'content-type': 'text/css',
    'content-encoding': 'gzip',
    'cache-control': 'public, max-age=3600',
  });
  each.equal((await ask('static.example', '/large.bin')).body.length, 300_000);
  each.equal((await ask('static.example', '/large.bin', { headers: { range: 'bytes=0-9' } })).status, 206);
  const etag = (await ask('static.example', '/style.css')).headers.etag ?? '';
  each.equal((await ask('static.example', '/style.css', { headers: { 'if-none-match': etag } })).status, 304);
  each.equal((await ask('static.example', '/style.css', { method: 'HEAD' })).body, '');
  each.equal((await ask('static.example', '/style.css', { method: 'POST', body: 'x' })).status, 405);
  each.equal((await ask('static.example', '/nothing')).status, 404);
  each.equal((await ask('static.example', '/deep/nothing/')).status, 404);
  await put('static.example', { ...static_(), compress: false });
  const plain = await ask('static.example', '/style.css', { headers: { 'accept-encoding': 'gzip' } });
  each.equal(plain.headers['content-encoding'], undefined);
  each.equal(plain.headers['cache-control'], 'no-cache');
});

await t.test('a small file and a large one answer alike, whatever is asked about them', async (each) => {
  await put('alike.example', { ...static_(), cacheSeconds: 60 });
  for (const [path, content] of [
    ['/none.txt', ''],
    ['/word.txt', 'more'],
    ['/zero.txt', '0'],
    ['/small.txt', 'é\0\n'.repeat(300)],
    ['/edge.txt', 'x'.repeat(16_384)],
    ['/beyond.txt', 'x'.repeat(16_385)],
  ] as const) {
    const size = String(Buffer.byteLength(content));
    file(`public${path}`, content);
    const whole = await ask('alike.example', path);
    each.match(whole, { status: 200, body: content }, path);
    each.match(whole.headers, {
      'content-type': 'text/plain',
      'content-length': size,
      'cache-control': 'public, max-age=60',
    });
    const { etag = '', 'last-modified': modified = '' } = whole.headers;
    each.match(await ask('alike.example', path, { method: 'HEAD' }), {
      status: 200,
      body: '',
      headers: { 'content-length': size, etag },
    });
    for (const headers of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
      const answer = await ask('alike.example', path, { headers });
      each.match(answer, { status: 304, body: '', headers: { etag, 'cache-control': 'public, max-age=60' } });
    }
    for (const headers of [{ 'if-none-match': '"x"' }, { 'if-modified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' }])
      each.equal((await ask('alike.example', path, { headers })).status, 200);
    each.equal((await ask('alike.example', path, { headers: { 'if-match': '"x"' } })).status, 412);
    each.equal((await ask('alike.example', path, { method: 'POST' })).status, 405);
    if (content.length < 3) continue;
    const part = await ask('alike.example', path, { headers: { range: 'bytes=1-2' } });
    const headers = { etag, 'content-length': '2', 'content-range': `bytes 1-2/${size}` };
    each.match(part, { status: 206, headers });
  }
});

await t.test('how long an answer may be kept is said once', async (each) => {
  file('public/404.html', 'my own 404');
  const own = { headers: { 'Cache-Control': 'private' } };
  for (const [site, kept, ofErrors] of [
    [{}, 'no-cache', 'no-cache'],
    [{ cacheSeconds: 60 }, 'public, max-age=60', 'no-cache'],
    [{ cacheSeconds: 60, ...own }, 'private', 'no-cache'],
  ] as const) {
    await put('kept.example', { ...static_(), errorPages: { 404: '/404.html' }, ...site });
    for (const path of ['/style.css', '/large.bin', '/', '/deep'])
      each.equal((await ask('kept.example', path)).headers['cache-control'], kept, path);
    const missing = await ask('kept.example', '/nothing');
    each.match(missing, { status: 404, body: 'my own 404', headers: { 'cache-control': ofErrors } });
  }
});

await t.test('a single-page application gets its index for every path that is no file', async (each) => {
  await put('spa.example', static_({ fallback: 'Spa' }));
  each.match(await ask('spa.example', '/any/route'), { status: 200, body: '<p>home</p>' });
  each.match(await ask('spa.example', '/any/route/'), { status: 200, body: '<p>home</p>' });
  each.equal((await ask('spa.example', '/style.css')).headers['content-type'], 'text/css');
});

await t.test('hidden files and programs are not served, what is well known is', async (each) => {
  file('public/.env', 'hidden');
  file('public/config.php', 'hidden');
  file('public/.well-known/security.txt', 'contact');
  each.equal((await ask('static.example', '/.env')).status, 404);
  each.equal((await ask('static.example', '/config.php')).status, 404);
  each.equal((await ask('static.example', '/.well-known/security.txt')).body, 'contact');
  for (const own of ['handle/index.html', 'handle/', 'php_60', 'names'])
    each.equal((await ask('static.example', `/.well-known/wcp360/${own}`)).status, 404, own);
});

await t.test('a name without a record gets no other site, in whatever way it is written', async (each) => {
  for (const name of [
    'none.example',
    'localhost',
    '127.0.0.1',
    '[::1]',
    '..',
    'a..b',
    '_',
    '-',
    '_.static.example',
    'static.example.evil',
    '.',
    'x/../static.example',
  ]) {
    const { status, body } = await ask(name);
    each.ok([400, 421].includes(status), `${name} ${status}`);
    each.notMatch(body, /home/);
  }
  each.equal((await ask('STATIC.example.')).body, '<p>home</p>', 'case and a last dot do not count');
  each.equal((await ask('static.example:8080')).body, '<p>home</p>');
});

await t.test('a wildcard answers for one label, and an own record goes before it', async (each) => {
  await put('*.wild.example', { ...static_(), headers: { 'X-Which': 'wild' } });
  await put('own.wild.example', { ...static_(), headers: { 'X-Which': 'own' } });
  each.equal((await ask('any.wild.example')).headers['x-which'], 'wild');
  each.equal((await ask('own.wild.example')).headers['x-which'], 'own');
  each.equal((await ask('wild.example')).status, 421);
  each.equal((await ask('a.b.wild.example')).status, 421);
  each.equal((await ask('_.wild.example')).status, 421, 'the name of a record is no hostname');
});

await t.test('a new, a changed and a deleted record count at once, without a reload', async (each) => {
  const pid = (await host.services.get('nginx', signal))?.pid;
  const children = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const workers = children();
  for (let round = 1; round <= 50; round += 1) {
    await put('fresh.example', { ...static_(), headers: { 'X-Round': String(round) } });
    each.equal((await ask('fresh.example')).headers['x-round'], String(round));
    await lab.remove('fresh.example');
    each.equal((await ask('fresh.example')).status, 421);
  }
  each.equal(children(), workers);
});

await t.test('a thousand records need nothing but their files', async (each) => {
  for (let index = 0; index < 1000; index += 1)
    await put(`s${index}.many.example`, { ...static_(), headers: { 'X-Index': String(index) } });
  for (const index of [0, 1, 500, 998, 999]) {
    each.equal((await ask(`s${index}.many.example`)).headers['x-index'], String(index));
  }
});

await t.test('a redirect goes where the record says, with or without the path', async (each) => {
  const to = (serve: object): Partial<Site> => ({
    serve: { type: 'redirect', to: 'https://www.acme.example/', code: 301, keepPath: true, ...serve },
  });
  await put('old.example', to({}));
  each.match(await ask('old.example', '/a/b?c=d'), {
    status: 301,
    headers: { location: 'https://www.acme.example/a/b?c=d' },
  });
  await put('old.example', to({ code: 308, keepPath: false }));
  each.match(await ask('old.example', '/a'), { status: 308, headers: { location: 'https://www.acme.example/' } });
  await put('old.example', to({ to: '//hello.example' }));
  each.equal((await ask('old.example:8080', '/a')).headers.location, 'http://hello.example:8080/a');
  each.notMatch((await ask('old.example', '/%0d%0aX-Evil:%20yes')).headers, { 'x-evil': 'yes' });
});

await t.test('headers of a record are on every answer; framing and HSTS over plain HTTP are not', async (each) => {
  const headers = {
    'X-Frame-Options': 'DENY',
    'Strict-Transport-Security': 'max-age=1',
    'Content-Length': '1',
    Connection: 'close',
    'X-Bad': 'a\r\nX-Evil: yes',
    'X Evil': 'yes',
  };
  await put('headers.example', { ...static_(), headers });
  for (const path of ['/', '/style.css', '/nothing', '/deep']) {
    const answer = await ask('headers.example', path);
    each.equal(answer.headers['x-frame-options'], 'DENY', path);
    each.equal(answer.headers['strict-transport-security'], undefined);
    each.equal(answer.headers['x-evil'], undefined);
    each.equal(answer.headers['x-bad'], undefined);
  }
});

await t.test('networks are allowed and refused by address', async (each) => {
  const access = (allow: string[], deny: string[]): Partial<Site> => ({ ...static_(), access: { allow, deny } });
  await put('access.example', access(['192.0.2.0/24', '2001:db8::/32'], []));
  each.equal((await ask('access.example')).status, 403);
  await put('access.example', access(['127.0.0.2/32'], []));
  each.equal((await ask('access.example')).status, 403);
  each.equal((await ask('access.example', '/', { localAddress: '127.0.0.2' })).status, 200);
  await put('access.example', access([], ['127.0.0.2']));
  each.equal((await ask('access.example')).status, 200);
  each.equal((await ask('access.example', '/', { localAddress: '127.0.0.2' })).status, 403);
  await put('access.example', access(['::/0'], []));
  each.equal((await ask('access.example')).status, 403, 'all of IPv6 is nothing of IPv4');
  await put('access.example', access(['nonsense'], []));
  each.equal((await ask('access.example')).status, 503, 'rules that cannot be read let nobody in');
});

await t.test('a password is asked for, and only strong hashes count', async (each) => {
  const secret = { namespace: 'acme', name: 'staff', resourceVersion: '1' };
  const access = {
    allow: [],
    deny: [],
    basicAuth: { realm: 'Staff "only"', usersFile: `${root}/front/auth/auth.example`, secret },
  };
  await put('auth.example', { ...static_(), access });
  const as = (user: string, password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
  });
  const none = await ask('auth.example');
  each.equal(none.status, 401);
  each.match(none.headers['www-authenticate'], /^Basic realm="Staff only"/);
  each.notMatch(none.body, /home/);
  for (const [user, password, status] of [
    ['jane', 'secret', 200],
    ['jane', 'secret', 200],
    ['john', 'secret', 200],
    ['jane', 'wrong', 401],
    ['nobody', 'secret', 401],
    ['old', 'secret', 401],
    ['', '', 401],
  ] as const) {
    each.equal((await ask('auth.example', '/', as(user, password))).status, status, `${user}:${password}`);
  }
  each.equal((await ask('auth.example', '/', { headers: { authorization: 'Basic !!!' } })).status, 401);
  rmSync(`${root}/front/auth/auth.example`);
  each.equal(
    (await ask('auth.example', '/', as('jane', 'secret'))).status,
    401,
    'without a users file nobody comes in',
  );
});

await t.test('own error pages are shown with the status they stand for', async (each) => {
  file('public/404.html', 'my own 404');
  await put('errors.example', { ...static_(), errorPages: { 404: '/404.html', 403: '/missing.html' } });
  each.match(await ask('errors.example', '/nothing'), { status: 404, body: 'my own 404' });
  each.match(await ask('static.example', '/nothing'), { status: 404, body: /Not found/ });
});

await t.test('a suspended site says so on every path', async (each) => {
  await put('suspended.example', { serve: { type: 'suspended', message: 'Closed & gone' } });
  const answer = await ask('suspended.example', '/style.css');
  each.equal(answer.status, 503);
  each.match(answer.body, /Closed &amp; gone/);
  await put('suspended.example', static_());
  each.equal((await ask('suspended.example', '/style.css')).status, 200);
});

await t.test('an empty document root shows a placeholder; a file replaces it at once', async (each) => {
  const zoo = `${root}/tenants/zoo/domains/shop`;
  await put('empty.example', {
    tenant: 'zoo',
    serve: { type: 'static', base: zoo, root: 'public', fallback: 'NotFound' },
  });
  each.match(await ask('empty.example'), { status: 200, body: /waits for its first file/ });
  each.equal((await ask('empty.example', '/x')).status, 404);
  const path = file('public/index.html', 'first', 'zoo');
  each.equal((await ask('empty.example')).body, 'first');
  rmSync(path);
  await put('empty.example', {
    tenant: 'zoo',
    serve: { type: 'static', base: zoo, root: 'gone', fallback: 'NotFound' },
  });
  each.equal((await ask('empty.example')).status, 404, 'a root that is missing is not an empty one');
});

await t.test(
  'a proxy passes on what came, with the client’s address, and obeys no internal order of the backend',
  async (each) => {
    await put('proxy.example', { ...proxyTo(), headers: { 'X-Frame-Options': 'DENY' } });
    const answer = await ask('proxy.example', '/a%20b/../c?d=e%2f', {
      method: 'POST',
      body: 'x'.repeat(5000),
      headers: { proxy: 'evil', 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', forwarded: 'for=9.9.9.9' },
    });
    each.equal(answer.status, 200);
    const seen = JSON.parse(answer.body) as { url: string; size: number; headers: Record<string, string> };
    each.equal(seen.url, '/a%20b/../c?d=e%2f', 'the path is passed on as it came');
    each.equal(seen.size, 5000);
    each.match(seen.headers, {
      host: 'proxy.example',
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
    each.equal(seen.headers['proxy'], undefined);
    each.equal(seen.headers['forwarded'], undefined);
    each.equal(answer.headers['x-accel-redirect'], undefined);
    each.equal(answer.headers['x-backend'], 'yes');
    each.equal(answer.headers['x-frame-options'], 'DENY', 'what the site says replaces what the program says');
    each.match(await ask('proxy.example', '/404'), { status: 404, body: /url/ }, 'its own error pages are its own');
    each.match((await ask('Proxy.Example:8080')).body, /"host":"proxy.example:8080"/, 'a port is passed on');
  },
);

await t.test('a WebSocket goes through a proxy in both directions', async (each) => {
  const headers = {
    host: 'proxy.example',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGVzdA==',
    'sec-websocket-version': '13',
  };
  const echoed = await new Promise<string>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: lab.settings.listen[0]?.port, path: '/ws', headers });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => reject(new Error(`status ${incoming.statusCode}`)));
    outgoing.once('upgrade', (_incoming, socket) => {
      socket.write('ping');
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk.toString());
        socket.destroy();
      });
    });
    outgoing.end();
  });
  each.equal(echoed, 'ping');
});

await t.test('a proxy reaches networks and ports that its record allows', async (each) => {
  const reached = async (overrides: object): Promise<number> => {
    await put('target.example', proxyTo(overrides));
    return (await ask('target.example')).status;
  };
  each.equal(await reached({}), 200);
  each.equal(await reached({ allowed: [] }), 502);
  each.equal(await reached({ allowed: [{ cidr: '127.0.0.0/8', fromPort: 1, toPort: 80 }] }), 502);
  each.equal(await reached({ host: '::ffff:127.0.0.1' }), 200, 'another spelling of an allowed address');
  each.equal(await reached({ host: 'evil@127.0.0.1' }), 503, 'a malformed target is no target');
  each.equal(await reached({ port: 1 }), 502);
});

await t.test('a proxy reaches a socket in the tenant’s own tree', async (each) => {
  const program = createServer((_request, response) => void response.end('from socket'));
  const socket = { path: `${base}/app.sock`, readableAll: true, writableAll: true };
  await serving(program, socket, async () => {
    await put('socket.example', { serve: { type: 'proxy', target: { type: 'socket', path: socket.path } } });
    each.equal((await ask('socket.example')).body, 'from socket');
  });
});

await t.test('a body larger than the site takes is refused, with and without a stated length', async (each) => {
  await put('upload.example', { ...proxyTo(), uploadBytes: 100_000 });
  const send = async (size: number, headers: Record<string, string> = {}): Promise<number> =>
    (await ask('upload.example', '/', { method: 'POST', body: 'x'.repeat(size), headers })).status;
  each.equal(await send(100_000), 200);
  each.equal(await send(100_001), 413);
  each.equal(await send(100_000, { 'transfer-encoding': 'chunked' }), 200);
  each.equal(await send(100_001, { 'transfer-encoding': 'chunked' }), 413);
  each.equal(await send(2_000_000, { 'transfer-encoding': 'chunked' }), 413);
});

await t.test('links to files of one’s own are followed', async (each) => {
  file('public/mine.txt', 'mine');
  symlinkSync('mine.txt', `${base}/public/own.txt`);
  lchownSync(`${base}/public/own.txt`, 20001, 33);
  each.equal((await ask('static.example', '/own.txt')).body, 'mine');
});

await t.test('constants that somebody changed are put back at the next start', async (each) => {
  const configuration = `${root}/front/nginx.conf`;
  const text = readFileSync(configuration, 'utf8');
  writeFileSync(configuration, `${text}# by hand`);
  await startFront(host, lab.settings, signal);
  each.equal(readFileSync(configuration, 'utf8'), text);
});

await t.test('the probe tells the agent which record is served, and nobody else', async (each) => {
  const address = lab.settings.listen[0] ?? { address: '', port: 0 };
  await put('probe.example', { ...static_(), uid: 'u7', generation: 42 });
  each.strictSame(await probeSite(host, address, 'probe.example', signal), {
    owner: 'Domain/acme/shop',
    uid: 'u7',
    generation: 42,
  });
  await put('*.probed.example', { ...static_(), generation: 5 });
  each.equal((await probeSite(host, address, '*.probed.example', signal))?.generation, 5);
  each.equal(await probeSite(host, address, 'nobody.example', signal), undefined);
  each.equal((await ask('probe.example', '/.well-known/wcp360/probe')).status, 404);
  each.equal(
    (await ask('probe.example', '/.well-known/wcp360/probe', { headers: { 'x-wcp360-probe': 'guess' } })).status,
    404,
  );
});

await t.test('the path of certificate orders is reserved before redirects, passwords and suspension', async (each) => {
  for (const name of [
    'static.example',
    'old.example',
    'suspended.example',
    'auth.example',
    'proxy.example',
    'nobody.example',
  ]) {
    each.equal((await ask(name, '/.well-known/acme-challenge/token')).status, 404, name);
  }
});

await t.test(
  'requests are logged per site, in files of their own that are rotated without losing a line',
  async (each) => {
    const log = `${root}/tenants/acme/logs/logged.access.log`;
    await put('logged.example', { ...static_(), accessLog: log });
    await ask('logged.example', '/style.css');
    await ask('logged.example', '/nothing');
    await ask('logged.example', '/nowhere/');
    await ask('logged.example', '/', { headers: { 'user-agent': 'a"b\\c' } });
    const logged = async (last: RegExp): Promise<string> =>
      await until(() => last.exec(readFileSync(log, 'utf8'))?.input, `${last.source} in the log`);
    const text = await logged(/a\\x22b.*\n/);
    each.match(text, /"GET \/style\.css HTTP\/1\.1" 200 /);
    each.match(text, /"GET \/nothing HTTP\/1\.1" 404 /);
    each.match(text, /"GET \/nowhere\/ HTTP\/1\.1" 404 /);
    each.match(text, /a\\x22b\\x5Cc/, 'no value leaves its field');
    each.ok((await rotateLogs(host, { maxBytes: 10, keep: 2 }, signal)) > 0);
    each.match(readFileSync(`${log}.1`, 'utf8'), /style\.css/);
    await delay(6000);
    await ask('logged.example', '/after');
    each.match(await logged(/after.*\n/), /"GET \/after HTTP/);
  },
);

await t.test('starting the front again changes nothing when all stands', async (each) => {
  const before = await host.services.get('nginx', signal);
  await startFront(host, lab.settings, signal);
  each.strictSame(await host.services.get('nginx', signal), before);
});

await t.test('no handle of a tenant’s file or socket stays open but the last of each worker', async (each) => {
  const pid = (await host.services.get('nginx', signal))?.pid;
  const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  for (const worker of workers) {
    const open = readdirSync(`/proc/${worker}/fd`).map((fd) => readlinkSync(`/proc/${worker}/fd/${fd}`));
    each.ok(open.filter((path) => path.startsWith(`${root}/tenants/`) && !path.includes('/logs/')).length <= 1);
  }
});

await t.test('the log of errors shows no fault of our own code', async (each) => {
  const text = readFileSync(`${root}/front/error.log`, 'utf8');
  const faults = text
    .split('\n')
    .filter((line) => /lua entry thread|runtime error|\[alert\]|\[emerg\]|stack traceback/.test(line));
  each.strictSame(faults, []);
});
