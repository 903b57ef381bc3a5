import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { createServer as createSocketServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t from 'tap';
import { RefusedError } from '#runtime/base/errors.ts';
import { challengesDriver } from '#runtime/drivers/challenges/index.ts';
import { probeCertificate, probeHandshake, rotateTicketKeys, startFront } from '#runtime/drivers/nginx/index.ts';
import { openFront } from '#test/attacks/grounds.ts';
import { keyAttacks } from '#test/attacks/keys.ts';
import { proves } from '#test/attacks/attack.ts';
import { reach } from '#test/contracts/driver.ts';
import { killProcess } from '#test/lab/kill.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { createLabAuthority, type TlsSecret } from '#test/lab/pki.ts';
import { visit, type Visit, type VisitOptions } from '#test/lab/visit.ts';
import { openFrontLab, openTellingBackend, serialOf } from '#test/runtime/drivers/front-lab.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: nginx drops to another user');
  process.exit();
}

const lab = await openFrontLab(t);
const { ask, put, tls, remove, file, root, host, signal } = lab;
const authority = await createLabAuthority();
const https = lab.settings.httpsListen[0] ?? { address: '', port: 0 };
file('public/index.html', 'home');

const suspended = { type: 'suspended', message: '' } as const;

async function shown(hostname: string): Promise<string | undefined> {
  return (await probeCertificate(host, https, hostname, signal))?.serialNumber;
}

async function secure(hostname: string, path = '/', options: VisitOptions = {}): Promise<Visit> {
  return await visit(https.port, hostname, path, { servername: hostname, ...options });
}

/** A handshake of a client that believes our authority; rejects when it fails. */
async function shakeHands(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: https.port, ca: authority.ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

function nginxProcesses(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
}

await t.test('a handshake shows the chain of the site that it names, and no other', async (each) => {
  const own = await authority.site(['own.example']);
  const wild = await authority.site(['*.wild.example', 'wild.example']);
  await put('own.example', tls(own));
  await put('*.wild.example', tls(wild));
  const socket = await shakeHands({ servername: 'own.example' });
  each.equal(socket.authorized, true);
  each.equal(socket.getPeerX509Certificate()?.serialNumber, serialOf(own));
  socket.destroy();
  each.equal(await shown('own.example'), serialOf(own));
  each.equal(await shown('OWN.example'), serialOf(own), 'names have no case');
  each.equal(await shown('*.wild.example'), serialOf(wild));
  each.equal(await shown('any.wild.example'), serialOf(wild));
});

await t.test('whoever names no site with a certificate is refused before anything is shown', async (each) => {
  await put('plain.example');
  for (const name of ['nobody.example', 'plain.example', 'a.b.wild.example', '_.wild.example', '-'])
    each.equal(await shown(name), undefined, name);
  await each.rejects(shakeHands({}), { code: /^ERR_SSL_/ }, 'no name at all');
  const placeholder = new X509Certificate(readFileSync(`${root}/front/placeholder.crt`));
  each.match(placeholder.subject, /nobody/);
  each.equal((await ask('plain.example')).status, 200);
});

await t.test('a renewed certificate is shown from its record on, and nothing is reloaded', async (each) => {
  const pid = (await host.services.get('nginx', signal))?.pid;
  const before = nginxProcesses(pid);
  for (let count = 0; count < 3; count += 1) {
    const next = await authority.site(['renewed.example']);
    await put('renewed.example', tls(next));
    for (let look = 0; look < 4; look += 1) each.equal(await shown('renewed.example'), serialOf(next));
  }
  await put('renewed.example');
  each.equal(await shown('renewed.example'), undefined, 'without a certificate the name is unknown');
  await remove('renewed.example');
  each.equal(nginxProcesses(pid), before, 'the same workers');
});

await t.test('old protocols and ciphers are refused', async (each) => {
  const old = { servername: 'own.example', ciphers: 'DEFAULT@SECLEVEL=0' };
  await each.rejects(shakeHands({ ...old, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }));
  await each.rejects(shakeHands({ ...old, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }));
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await shakeHands({ servername: 'own.example', maxVersion });
    each.equal(socket.getProtocol(), maxVersion);
    socket.destroy();
  }
});

await t.test('plain HTTP is moved to HTTPS with its port, but for the reserved paths', async (each) => {
  const moved = tls(await authority.site(['moved.example']), true);
  await put('moved.example', { ...moved, headers: { 'Strict-Transport-Security': 'max-age=60' } });
  const target = `https://moved.example:${https.port}`;
  const { status, headers } = await ask('moved.example', '/a/../b?c=%20d');
  each.strictSame([status, headers.location], [301, `${target}/a/../b?c=%20d`]);
  each.equal(headers['strict-transport-security'], undefined, 'RFC 6797 §7.2');
  each.equal((await ask('moved.example', '//evil.example')).headers.location, `${target}//evil.example`);
  each.match(await ask('moved.example', '/x', { method: 'POST', body: 'x' }), {
    status: 308,
    headers: { location: `${target}/x` },
  });
  each.equal((await ask('moved.example', '/', { method: 'HEAD' })).status, 301);
  each.match(await secure('moved.example'), {
    status: 200,
    body: 'home',
    headers: { 'strict-transport-security': 'max-age=60' },
  });
  each.equal((await ask('moved.example', '/.well-known/acme-challenge/none')).status, 404);
  await put('moved.example', { ...moved, access: { allow: ['192.0.2.1'], deny: [] } });
  each.equal((await ask('moved.example')).status, 301, 'nobody signs in or is refused in plain');
  each.equal((await secure('moved.example')).status, 403);
});

await t.test('a challenge is answered for its hostname, before all else and without a site', async (each) => {
  const owner = { kind: 'Challenge', namespace: 'acme', name: 'order', uid: 'c1' };
  const names = ['new.example', 'locked.example', 'closed.example', 'moved.example', 'passed.example'];
  await put('locked.example', { access: { allow: ['192.0.2.1'], deny: [] } });
  await put('closed.example', { ...tls(await authority.site(['closed.example'])), serve: suspended });
  await put('passed.example', { serve: { type: 'proxy', target: { type: 'socket', path: `${root}/tenants/acme/x` } } });
  const answers = new Map(
    names.map((hostname) => [
      tokenFor(hostname),
      { way: 'Path', hostname, keyAuthorization: `${hostname}.k` } as const,
    ]),
  );
  await reach(challengesDriver, { host }, owner, answers);
  for (const name of names) {
    const answer = await ask(name, `/.well-known/acme-challenge/${tokenFor(name)}`);
    each.match(answer, { status: 200, body: `${name}.k`, headers: { 'content-type': 'text/plain' } }, name);
    const elsewhere = name === 'new.example' ? 'locked.example' : 'new.example';
    each.equal((await ask(elsewhere, `/.well-known/acme-challenge/${tokenFor(name)}`)).status, 404, 'another name');
  }
  const overTls = await secure('closed.example', `/.well-known/acme-challenge/${tokenFor('closed.example')}`);
  each.equal(overTls.body, 'closed.example.k');
  for (const path of ['', 'a'.repeat(129), 'none', `${tokenFor('new.example')}/`])
    each.equal((await ask('new.example', `/.well-known/acme-challenge/${path}`)).status, 404, path);
  await reach(challengesDriver, { host }, owner, challengesDriver.nothing);
  each.equal((await ask('new.example', `/.well-known/acme-challenge/${tokenFor('new.example')}`)).status, 404);
});

await t.test('a handshake that asks for nothing but a challenge is shown that, whatever the site is', async (each) => {
  const owner = { kind: 'Challenge', namespace: 'acme', name: 'order', uid: 'c1' };
  await put('shown.example', { ...tls(await authority.site(['shown.example'])), serve: suspended });
  const site = await shown('shown.example');
  const words = ['shown.example', 'unborn.example'].map((hostname) => ({
    hostname,
    keyAuthorization: `${hostname}.k`,
  }));
  const answers = words.map((word) => [tokenFor(word.hostname), { way: 'Handshake', ...word }] as const);
  await reach(challengesDriver, { host }, owner, new Map(answers));
  for (const word of words) {
    each.equal(await probeHandshake(host, https, word, signal), true, word.hostname);
    each.equal(await probeHandshake(host, https, { ...word, keyAuthorization: 'other' }, signal), false);
    const path = `/.well-known/acme-challenge/${tokenFor(word.hostname)}`;
    each.equal((await ask(word.hostname, path)).status, 404, 'no path shows it');
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { servername: word.hostname.toUpperCase(), maxVersion, rejectUnauthorized: false };
      const socket = await shakeHands({ ...options, ALPNProtocols: ['acme-tls/1'] });
      each.equal(socket.alpnProtocol, 'acme-tls/1', maxVersion);
      each.equal(socket.getPeerCertificate().subjectaltname, `DNS:${word.hostname}`);
      socket.destroy();
    }
  }
  each.equal(await shown('shown.example'), site, 'visitors are shown the site');
  each.equal(await shown('unborn.example'), undefined);
  for (const servername of ['plain.example', 'nobody.example', '..', '']) {
    const asked = { servername, ALPNProtocols: ['acme-tls/1'], rejectUnauthorized: false };
    await each.rejects(shakeHands(asked), { code: /^ERR_SSL_/ }, `nothing is shown for "${servername}"`);
  }
  await reach(challengesDriver, { host }, owner, challengesDriver.nothing);
  for (const word of words) each.equal(await probeHandshake(host, https, word, signal), false, 'the order is over');
});

await t.test('challenges in the midst of many visitors, who leave when they like, disturb none', async (each) => {
  const owner = { kind: 'Challenge', namespace: 'acme', name: 'order', uid: 'c1' };
  const word = { hostname: 'busy.example', keyAuthorization: 'busy.k' };
  const secret = await authority.site(['busy.example']);
  await put('busy.example', tls(secret));
  await reach(challengesDriver, { host }, owner, new Map([['busy', { way: 'Handshake', ...word }]]));
  const pid = (await host.services.get('nginx', signal))?.pid;
  const before = nginxProcesses(pid);
  const leave = (): void => {
    const socket = connect({
      host: '127.0.0.1',
      port: https.port,
      ALPNProtocols: ['acme-tls/1'],
      servername: word.hostname,
    });
    socket.on('error', () => undefined);
    setTimeout(() => socket.destroy(), Math.random() * 5);
  };
  const seen = new Set<string | boolean | undefined>();
  const visit = async (index: number): Promise<void> => {
    if (index % 5 === 0) leave();
    seen.add(index % 2 === 0 ? await probeHandshake(host, https, word, signal) : await shown('busy.example'));
  };
  // So many at a time as a busy machine answers within the time of one handshake.
  for (let first = 0; first < 1_500; first += 150)
    await Promise.all(Array.from({ length: 150 }, async (_, index) => await visit(first + index)));
  each.strictSame([...seen].map(String).toSorted(), [serialOf(secret), 'true'].toSorted());
  each.equal(nginxProcesses(pid), before, 'the same workers');
  await reach(challengesDriver, { host }, owner, challengesDriver.nothing);
});

function tokenFor(hostname: string): string {
  return `Token_of-${hostname.replace('.', '_')}`;
}

await t.test('a Secret that nobody could be served with leaves all as it was, but for a notice', async (each) => {
  const good = await authority.site(['good.example']);
  await put('good.example', tls(good));
  const before = readFileSync(`${root}/front/sites/good.example`, 'utf8');
  const other = await authority.site(['good.example']);
  const stranger = await (await createLabAuthority('stranger')).site(['good.example']);
  const [leaf = ''] = good['tls.crt'].split(/(?<=END CERTIFICATE-----\n)/);
  const dayMs = 24 * 3_600_000;
  const giant = generateKeyPairSync('rsa', { modulusLength: 4104 });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const bad: Readonly<Record<string, TlsSecret>> = {
    'the key of another certificate': { ...good, 'tls.key': other['tls.key'] },
    'a certificate for another name': await authority.site(['bad.example']),
    'a wildcard that covers two labels': await authority.site(['*.example.good.example']),
    'one that expired': await authority.site(['good.example'], {
      from: Date.now() - 2 * dayMs,
      to: Date.now() - dayMs,
    }),
    'one of the future': await authority.site(['good.example'], {
      from: Date.now() + dayMs,
      to: Date.now() + 2 * dayMs,
    }),
    'a chain that does not fit': { ...good, 'tls.crt': leaf + stranger['tls.crt'] },
    'a key that costs all others': await authority.site(['good.example'], { keys: giant }),
    'a key that is too weak': await authority.site(['good.example'], { keys: weak }),
    'no PEM': { 'tls.crt': 'garbage', 'tls.key': 'garbage' },
    'garbage in PEM': { ...good, 'tls.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
    nothing: { 'tls.crt': '', 'tls.key': '' },
    'a megabyte': { ...good, 'tls.crt': 'x'.repeat(1024 * 1024) },
    'a megabyte of certificates': { ...good, 'tls.crt': leaf.repeat(1500) },
  };
  for (const [what, secret] of Object.entries(bad)) {
    const refusal = await put('good.example', { ...tls(secret), generation: 9 }).catch((err: unknown) => err);
    each.ok(refusal instanceof RefusedError && refusal.reason === 'CertificateInvalid', what);
    each.notMatch((refusal as Error).message, /BEGIN|garbage|xxx/);
    each.equal(await shown('good.example'), serialOf(good), what);
  }
  each.equal(readFileSync(`${root}/front/sites/good.example`, 'utf8'), before);
  const missing = { tls: { secret: { namespace: 'acme', name: 'gone', resourceVersion: '1' }, redirect: false } };
  const notFound = new RefusedError('SecretNotFound', 'The Secret "gone" was not found.');
  await each.rejects(put('good.example', missing), notFound);
  const closed = { ...missing, access: { allow: ['192.0.2.1'], deny: [] }, serve: suspended };
  await each.rejects(put('good.example', closed), notFound);
  each.match(await secure('good.example'), { status: 503 }, 'but for a notice, which waits for nothing of the tenant');
  each.equal(await shown('good.example'), serialOf(good));
});

await t.test('one of strength and kind that browsers take is served', async (each) => {
  const kinds = {
    'rsa.example': generateKeyPairSync('rsa', { modulusLength: 2048 }),
    'p384.example': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  };
  for (const [name, keys] of Object.entries(kinds)) {
    const secret = await authority.site([name], { keys });
    await put(name, tls(secret));
    each.equal(await shown(name), serialOf(secret));
  }
});

await t.test('more certificates are served than are held', async (each) => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serials = new Map<string, string>();
  for (let count = 0; count < 1_050; count += 1) {
    const name = `n${count}.many.example`;
    const secret = await authority.site([name], { keys });
    serials.set(name, serialOf(secret));
    await put(name, tls(secret));
  }
  const wrong: string[] = [];
  for (const [name, serial] of serials) if ((await shown(name)) !== serial) wrong.push(name);
  each.strictSame(wrong, []);
});

await t.test('many handshakes for one name that nobody asked for yet all get it', async (each) => {
  const secret = await authority.site(['rush.example']);
  await put('rush.example', tls(secret));
  const serials = await Promise.all(Array.from({ length: 100 }, async () => shown('rush.example')));
  each.strictSame([...new Set(serials)], [serialOf(secret)]);
});

await t.test('visitors who leave in the midst of a handshake take nobody’s answer along', async (each) => {
  const secret = await authority.site(['left.example']);
  const { pid = 0 } = (await host.services.get('keys', signal)) ?? {};
  await put('left.example', tls(secret));
  killProcess(pid, 'SIGSTOP');
  const sockets = Array.from({ length: 8 }, () => {
    const socket = connect({ host: '127.0.0.1', port: https.port, servername: 'left.example' });
    socket.on('error', () => undefined);
    return socket;
  });
  await delay(200);
  for (const socket of sockets) socket.destroy();
  const stays = Array.from({ length: 8 }, async () => shown('left.example'));
  await delay(200);
  killProcess(pid, 'SIGCONT');
  each.strictSame([...new Set(await Promise.all(stays))], [serialOf(secret)]);
});

await t.test('without the key channel what was served goes on; it is started again by itself', async (each) => {
  const secret = await authority.site(['stays.example']);
  await put('stays.example', tls(secret));
  for (let count = 0; count < 8; count += 1) await shown('stays.example');
  const { pid = 0 } = (await host.services.get('keys', signal)) ?? {};
  killProcess(pid);
  while (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined) await delay(1);
  each.equal(await shown('stays.example'), serialOf(secret));
  const fresh = await authority.site(['fresh.example']);
  await put('fresh.example', tls(fresh));
  const end = performance.now() + patienceMs;
  while ((await shown('fresh.example')) === undefined && performance.now() < end) await delay(50);
  each.equal(await shown('fresh.example'), serialOf(fresh));
  each.not((await host.services.get('keys', signal))?.pid, pid);
});

async function overHttp2(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body?: Buffer,
): Promise<{ readonly status: number; readonly body: string }> {
  const stream = session.request(
    { ':authority': 'two.example', ':path': '/', ...headers },
    { endStream: body === undefined },
  );
  stream.setEncoding('utf8');
  let text = '';
  stream.on('data', (part: string) => (text += part));
  if (body !== undefined) stream.end(body);
  const [answer] = (await once(stream, 'response')) as [{ readonly ':status': number }];
  await once(stream, 'close');
  return { status: answer[':status'], body: text };
}

async function withHttp2<T>(servername: string, use: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connectHttp2(`https://127.0.0.1:${https.port}`, { servername, rejectUnauthorized: false });
  try {
    return await use(session);
  } finally {
    session.destroy();
  }
}

await t.test(
  'HTTP/2 reaches files and programs, and its bodies are bounded whether or not they say their length',
  async (each) => {
    const target = await openTellingBackend(each);
    await put('two.example', {
      ...tls(await authority.site(['two.example', 'three.example'])),
      serve: { type: 'proxy', target },
    });
    await put('three.example', tls(await authority.site(['three.example'])));
    await withHttp2('two.example', async (session) => {
      const got = await overHttp2(session, {});
      each.equal(got.status, 200);
      each.match(JSON.parse(got.body), { headers: { host: 'two.example', 'x-forwarded-proto': 'https' }, size: 0 });
      each.equal((await overHttp2(session, { ':authority': 'three.example' })).body, 'home', 'of the same owner');
      for (const method of ['POST', 'GET'])
        for (const length of [300_000, 1024 * 1024 + 1]) {
          const body = Buffer.alloc(length);
          for (const told of [{ 'content-length': String(length) }, {}]) {
            const answer = await overHttp2(session, { ':method': method, ...told }, body);
            each.equal(answer.status, length > 1024 * 1024 ? 413 : 200, `${method} of ${length}`);
            if (answer.status === 200) each.match(JSON.parse(answer.body), { size: length });
          }
        }
    });
  },
);

await t.test(
  'over a connection for one name only names of the same owner with a certificate are served',
  async (each) => {
    await put('mine.example', tls(await authority.site(['mine.example', 'theirs.example'])));
    await put('theirs.example', { ...tls(await authority.site(['theirs.example'])), owner: 'Domain/zoo/shop' });
    await put('also-mine.example', tls(await authority.site(['also-mine.example'])));
    const over = async (hostname: string): Promise<number> =>
      (await secure(hostname, '/', { servername: 'mine.example' })).status;
    each.equal(await over('mine.example'), 200);
    each.equal(await over('also-mine.example'), 200);
    for (const hostname of ['theirs.example', 'plain.example', 'nobody.example']) each.equal(await over(hostname), 421);
    const status = await withHttp2(
      'mine.example',
      async (session) => (await overHttp2(session, { ':authority': 'theirs.example' })).status,
    );
    each.equal(status, 421);
  },
);

/** The session that a server gives after a handshake, and whether it took up the one it was shown. */
async function resume(
  options: ConnectionOptions,
  path = '/',
): Promise<{ session: Buffer; reused: boolean; text: string }> {
  const socket = connect({ host: '127.0.0.1', port: https.port, rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  let text = '';
  socket.on('session', (next: Buffer) => (session = next));
  await once(socket, 'secureConnect');
  const reused = socket.isSessionReused();
  socket.setEncoding('utf8');
  socket.on('data', (part: string) => (text += part));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: mine.example\r\nConnection: close\r\n\r\n`);
  await once(socket, 'close');
  return { session: session ?? Buffer.alloc(0), reused, text };
}

await t.test('sessions are taken up again, until their key is replaced twice, and open no other site', async (each) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const mine = { servername: 'mine.example', maxVersion };
    const { session } = await resume(mine);
    const again = await resume({ ...mine, session });
    each.equal(again.reused, true, maxVersion);
    each.match(again.text, /^HTTP\/1\.1 200 /);
    for (const servername of ['theirs.example', 'nobody.example', '']) {
      const told = await resume({ ...mine, servername, session }).catch(() => undefined);
      if (told !== undefined) each.match(told.text, /^HTTP\/1\.1 421 /, `${maxVersion} as "${servername}"`);
    }
  }
  const mine = { servername: 'mine.example' };
  each.equal(statSync(`${root}/front/placeholder.key`).mode & 0o777, 0o600);
  if (lab.settings.http3) {
    each.equal(await rotateTicketKeys(host, 0, signal), false, 'nginx replaces its own, without a reload');
    return;
  }
  const pid = (await host.services.get('nginx', signal))?.pid;
  const { session } = await resume(mine);
  each.equal(await rotateTicketKeys(host, 3_600_000, signal), false, 'a young key stays');
  const rotate = async (): Promise<void> => {
    const before = nginxProcesses(pid);
    each.equal(await rotateTicketKeys(host, 0, signal), true);
    while (
      before
        .trim()
        .split(' ')
        .some((worker) => nginxProcesses(pid).split(' ').includes(worker))
    )
      await delay(20);
  };
  await rotate();
  each.equal((await resume({ ...mine, session })).reused, true, 'the key before opens still');
  await rotate();
  each.equal((await resume({ ...mine, session })).reused, false);
  for (const name of ['ticket.key', 'ticket-before.key']) {
    each.equal(statSync(`${root}/front/${name}`).mode & 0o777, 0o600);
  }
});

await t.test('what a deleted site was served with is gone', async (each) => {
  await put('gone.example', tls(await authority.site(['gone.example'])));
  each.ok(readdirSync(`${root}/front/tls`).includes('gone.example'));
  await remove('gone.example', 'Domain/zoo/other');
  each.ok(readdirSync(`${root}/front/tls`).includes('gone.example'), 'it is another owner’s');
  await remove('gone.example');
  each.notOk(readdirSync(`${root}/front/tls`).includes('gone.example'));
  each.equal(await shown('gone.example'), undefined);
});

await t.test('keys without a record are taken away when the front is started, and no others', async (each) => {
  await put('kept.example', tls(await authority.site(['kept.example'])));
  writeFileSync(`${root}/front/tls/stray.example`, 'x');
  await startFront(host, lab.settings, signal);
  const names = readdirSync(`${root}/front/tls`);
  each.strictSame([names.includes('kept.example'), names.includes('stray.example')], [true, false]);
});

await proves(t, keyAttacks, openFront);

await t.test('the log of errors shows no fault of our own code', async (each) => {
  const text = readFileSync(`${root}/front/error.log`, 'utf8');
  const faults = text
    .split('\n')
    .filter((line) => /lua entry thread|runtime error|\[(alert|emerg|crit)\]|stack traceback/.test(line))
    .filter((line) => !/connect\(\) to unix:\S+\/run\/keys\.sock failed/.test(line));
  each.strictSame(faults, []);
});

/** A FastCGI program that answers everybody alike, and keeps what it was told. */
async function startListener(path: string): Promise<{ readonly heard: () => string }> {
  let heard = '';
  const record = (type: number, body: string): Buffer =>
    Buffer.concat([Buffer.from([1, type, 0, 1, 0, body.length, 0, 0]), Buffer.from(body, 'latin1')]);
  const server = createSocketServer((socket) => {
    heard = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      // The end of what is sent to a program (FCGI_STDIN without content).
      if (heard.includes('\u0001\u0005\0\u0001\0\0\0\0'))
        socket.end(
          Buffer.concat([record(6, 'Content-Type: text/plain\r\n\r\nof the client'), record(3, '\0'.repeat(8))]),
        );
    });
  }).listen(path);
  await once(server, 'listening');
  const { front } = await host.capabilities(signal);
  chownSync(path, front.uid, front.gid);
  t.teardown(() => server.close());
  return { heard: () => heard };
}

await t.test('a panel lets in whom the agent lets in, and keeps to itself what that is known by', async (each) => {
  const panel = { serve: { type: 'panel', databaseClient: true } } as const;
  const certificate = tls(await authority.site(['panel.example']), true);
  await put('panel.example', { ...certificate, ...panel });
  const [good, over, failing] = ['a', 'b', 'c'].map((letter) => letter.repeat(43));
  const cookieOf = (value = ''): VisitOptions => ({
    headers: { cookie: `one=1; __Host-wcp360-databases=${value}; adminer_lang=en` },
  });
  const enter = async (value?: string): Promise<Visit> => await secure('panel.example', '/databases/', cookieOf(value));
  each.equal((await enter(good)).status, 503, 'the agent is away');

  const client = `${root}/run/client.sock`;
  const { heard } = await startListener(client);
  const lines: string[] = [];
  const answers = { [`enter ${good}`]: `ok ${client}`, [`enter ${over}`]: 'error over' } as const;
  const { front } = await host.capabilities(signal);
  const ownership = { mode: 0o660, uid: 0, gid: front.gid };
  const answer = async (line: string): Promise<string> => {
    lines.push(line);
    return await Promise.resolve(new Map(Object.entries(answers)).get(line) ?? 'error failed');
  };
  await host.listenUnix(`${root}/run/panel.sock`, ownership, answer, signal);
  each.match(await enter(good), { status: 200, body: 'of the client' });
  each.match(heard(), /adminer_lang=en/, 'its own cookies it hears');
  each.notMatch(heard(), good ?? '', 'and not the one by which people are let in');
  each.notMatch(heard(), /one=1/);
  each.equal((await enter(over)).status, 403);
  each.equal((await enter(failing)).status, 503, 'what did not work may work later');
  each.equal((await enter('x y')).status, 403);
  each.equal((await enter(`${'d'.repeat(65)}`)).status, 403);
  each.same(
    lines,
    [good, over, failing].map((value) => `enter ${value}`),
    'what can be none is not asked for',
  );

  const post = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await secure('panel.example', '/databases/', { ...cookieOf(good), method: 'POST', body: 'x', headers })).status;
  each.equal(await post({ cookie: cookieOf(good).headers?.['cookie'] ?? '' }), 403, 'a form of nobody knows whom');
  for (const path of ['/', '/databases', '/databases/index.php', '/databases/adminer.php', '/enter'])
    each.equal((await secure('panel.example', path, cookieOf(good))).status, 404, path);
  each.match(await ask('panel.example', '/databases/', cookieOf(good)), { status: 301 }, 'in plain it is not there');
  await put('panel.example', { ...certificate, serve: { type: 'panel', databaseClient: false } });
  each.equal((await enter(good)).status, 404, 'off');
});
