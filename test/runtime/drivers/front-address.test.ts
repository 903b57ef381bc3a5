import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { probeAddress, probeCertificate, probeSite } from '#runtime/drivers/nginx/index.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { freePort } from '#test/lab/free-port.ts';
import { until } from '#test/lab/instance.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { openFrontLab } from '#test/runtime/drivers/front-lab.ts';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: nginx drops to another user' };
const hsts = { headers: { 'Strict-Transport-Security': 'max-age=60' } };

t.test('a trusted proxy’s word about its client counts, and nobody else’s', asRoot, async (each) => {
  const lab = await openFrontLab(each, { trustedProxies: ['127.0.0.1/32', '2001:db8::/32'] });
  const { ask, put, file } = lab;
  file('public/index.html', 'home');
  await put('a.example', { ...hsts, access: { allow: ['192.0.2.7/32'], deny: [] } });
  const forwarded = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' };
  const through = await ask('a.example', '/', { headers: forwarded });
  each.equal(through.status, 200);
  each.equal(through.headers['strict-transport-security'], 'max-age=60', 'the client spoke TLS');
  each.equal((await ask('a.example')).status, 403);
  each.equal((await ask('a.example', '/', { headers: { 'x-forwarded-for': '192.0.2.7, 192.0.2.8' } })).status, 403);
  const stranger = await ask('a.example', '/', { headers: forwarded, localAddress: '127.0.0.3' });
  each.equal(stranger.status, 403);
  each.equal(stranger.headers['strict-transport-security'], undefined);
  const log = `${lab.root}/tenants/acme/logs/shop.access.log`;
  const first = await until(() => /^.*\n/.exec(readFileSync(log, 'utf8'))?.[0], 'the log to be written');
  each.match(first, /^192\.0\.2\.7 /, 'the log names the client');
});

t.test('IPv6 is listened on and counts in access rules', asRoot, async (each) => {
  const port = await freePort();
  const listen = [
    { address: '127.0.0.1', port },
    { address: '::1', port },
  ];
  const lab = await openFrontLab(each, { listen });
  lab.file('public/index.html', 'home');
  const over = async (address: string): Promise<number> => {
    const request = {
      address: { host: address, port },
      method: 'GET',
      path: '/',
      headers: { host: 'six.example' },
      timeoutMs: patienceMs,
    } as const;
    return (await lab.host.httpRequest(request, lab.signal)).status;
  };
  await lab.put('six.example', { access: { allow: ['::1/128'], deny: [] } });
  each.equal(await over('::1'), 200);
  each.equal(await over('127.0.0.1'), 403);
  each.match(await probeSite(lab.host, { address: '::1', port }, 'six.example', lab.signal), { generation: 1 });
});

t.test('with the PROXY protocol the client’s address comes from the connection', asRoot, async (each) => {
  const port = await freePort();
  const lab = await openFrontLab(each, {
    listen: [{ address: '127.0.0.1', port }],
    probeListen: { address: '127.0.0.1', port: await freePort() },
    probeHttpsListen: { address: '127.0.0.1', port: await freePort() },
    clientAddress: 'ProxyProtocol',
    trustedProxies: ['127.0.0.1/32'],
  });
  lab.file('public/index.html', 'home');
  await lab.put('p.example', { access: { allow: ['198.51.100.9'], deny: [] } });
  const speak = async (prefix: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => (text += chunk));
      socket.once('error', reject);
      socket.once('close', () => resolve(text));
      socket.write(`${prefix}GET / HTTP/1.1\r\nHost: p.example\r\nConnection: close\r\n\r\n`);
    });
  each.match(await speak('PROXY TCP4 198.51.100.9 127.0.0.1 4000 80\r\n'), /^HTTP\/1\.1 200 /);
  each.match(await speak('PROXY TCP4 198.51.100.8 127.0.0.1 4000 80\r\n'), /^HTTP\/1\.1 403 /);
  each.notMatch(await speak(''), /^HTTP\/1\.1 200 /);
  const secret = await (await createLabAuthority()).site(['p.example']);
  lab.secrets.set('acme/p', { ...secret });
  await lab.put('p.example', {
    access: { allow: ['198.51.100.9'], deny: [] },
    tls: { secret: { namespace: 'acme', name: 'p', resourceVersion: '1' }, redirect: true },
  });
  const speakTls = async (client: string): Promise<string> => {
    const socket = connect(lab.settings.httpsListen[0]?.port ?? 0, '127.0.0.1');
    socket.write(`PROXY TCP4 ${client} 127.0.0.1 4000 443\r\n`);
    const secure = connectTls({ socket, servername: 'p.example', rejectUnauthorized: false });
    secure.write('GET / HTTP/1.1\r\nHost: p.example\r\nConnection: close\r\n\r\n');
    return await text(secure);
  };
  each.match(await speakTls('198.51.100.9'), /^HTTP\/1\.1 200 /);
  each.match(await speakTls('198.51.100.8'), /^HTTP\/1\.1 403 /);
  const moved = await speak('PROXY TCP4 198.51.100.9 127.0.0.1 4000 80\r\n');
  each.match(
    moved,
    /^Location: https:\/\/p\.example\/\r$/m,
    'the port is the usual one where a proxy stands before us',
  );
  const https = lab.settings.probeHttpsListen ?? { address: '', port: 0 };
  each.match(await probeCertificate(lab.host, https, 'p.example', lab.signal), {
    serialNumber: new X509Certificate(secret['tls.crt']).serialNumber,
  });
  const address = probeAddress(lab.settings) ?? { address: '', port: 0 };
  each.match(await probeSite(lab.host, address, 'p.example', lab.signal), { generation: 1 });
});
