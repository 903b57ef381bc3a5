import { readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { probeCertificate } from '#runtime/drivers/nginx/index.ts';
import { eventually } from '#test/lab/widgets.ts';
import { createLabAuthority, type TlsSecret } from '#test/lab/pki.ts';
import { run } from '#test/lab/run.ts';
import { visit } from '#test/lab/visit.ts';
import { openFrontLab, openTellingBackend, serialOf } from '#test/runtime/drivers/front-lab.ts';

const built = await run(['/usr/sbin/nginx', '-V']);
if (process.getuid?.() !== 0 || !built.stderr.includes('--with-http_v3_module')) {
  t.plan(0, 'needs root, and nginx with HTTP/3, which debian-13.test.ts brings');
  process.exit();
}

const lab = await openFrontLab(t);
const { put, tls, file, root, host, signal } = lab;
const authority = await createLabAuthority();
const https = lab.settings.httpsListen[0] ?? { address: '', port: 0 };
const caFile = `${root}/ca.pem`;
writeFileSync(caFile, authority.ca);
file('public/index.html', 'home');

interface Answer {
  /** `HTTP/3 200` and the like; empty where there was none. */
  readonly status: string;
  readonly body: string;
}

/** One request on a connection of its own, by a client that believes our authority alone. */
async function ask(hostname: string, ...more: readonly string[]): Promise<Answer> {
  const { stdout } = await run([
    ...['/usr/bin/curl', '--silent', '--max-time', '20', '--cacert', caFile, '--include', '--http3-only'],
    ...['--resolve', `${hostname}:${https.port}:127.0.0.1`, ...more, `https://${hostname}:${https.port}/`],
  ]);
  const [headers = '', ...body] = stdout.split('\r\n\r\n');
  return { status: /^HTTP\/3 \d+/.exec(headers)?.[0] ?? '', body: body.join('\r\n\r\n') };
}

/** Over TCP, so that the worker that answers fetches what it does not have. */
const shown = async (hostname: string): Promise<string | undefined> =>
  (await probeCertificate(host, https, hostname, signal))?.serialNumber;

await t.test(
  'a site that was asked for by TCP is served over QUIC by every worker, and says so by TCP',
  async (each) => {
    await put('one.example', tls(await authority.site(['one.example'])));
    const first = await visit(https.port, 'one.example', '/', { servername: 'one.example' });
    each.equal(first.headers['alt-svc'], `h3=":${https.port}"; ma=86400`);
    // Workers share out connections by the port of the client.
    const answers = await Promise.all(Array.from({ length: 24 }, async () => await ask('one.example')));
    for (const { status, body } of answers) each.strictSame([status, body], ['HTTP/3 200', 'home']);
    each.equal((await lab.ask('one.example')).headers['alt-svc'], undefined, 'whoever comes in plain is told nothing');
  },
);

await t.test('a name that nobody has asked for is refused over QUIC until its certificate is there', async (each) => {
  await put('cold.example', tls(await authority.site(['cold.example'])));
  each.equal((await ask('cold.example')).status, '', 'a handshake of QUIC cannot wait');
  await eventually(async () => (await ask('cold.example')).status === 'HTTP/3 200', 'the certificate');
});

await t.test('names without a certificate, and unknown ones, are shown nothing', async (each) => {
  await put('plain.example');
  for (const name of ['plain.example', 'nobody.example'])
    for (let count = 0; count < 4; count += 1) each.equal((await ask(name)).status, '', name);
});

await t.test('a renewed certificate is shown over QUIC from the first handshake by TCP on', async (each) => {
  for (let count = 0; count < 3; count += 1) {
    const next = await authority.site(['renewed.example']);
    await put('renewed.example', tls(next));
    each.equal(await shown('renewed.example'), serialOf(next));
    for (let look = 0; look < 4; look += 1) {
      const { body } = await ask('renewed.example', '--write-out', '%{certs}');
      each.match(body, pemOf(next));
    }
  }
});

/** The first block of a chain, without its ends. */
function pemOf(secret: TlsSecret): string {
  return secret['tls.crt'].split('\n').slice(1, 4).join('\n');
}

await t.test(
  'a program hears the name with its port, and bodies are bounded, whether or not they say their length',
  async (each) => {
    const target = await openTellingBackend(each);
    const certificate = tls(await authority.site(['proxy.example']));
    await put('proxy.example', { ...certificate, serve: { type: 'proxy', target } });
    await shown('proxy.example');
    const heard = JSON.parse((await ask('proxy.example')).body);
    each.match(heard, { headers: { host: `proxy.example:${https.port}`, 'x-forwarded-proto': 'https' }, size: 0 });
    for (const size of [300_000, 1024 * 1024 + 1]) {
      const upload = `${root}/upload`;
      writeFileSync(upload, Buffer.alloc(size));
      for (const how of [
        ['--data-binary', `@${upload}`],
        ['--upload-file', upload],
        ['--header', 'Content-Length:', '--upload-file', upload],
      ]) {
        const { status, body } = await ask('proxy.example', ...how);
        each.equal(status, size > 1024 * 1024 ? 'HTTP/3 413' : 'HTTP/3 200', `${how.join(' ')} of ${size}`);
        if (status === 'HTTP/3 200') each.match(JSON.parse(body), { size });
      }
    }
  },
);

await t.test(
  'over a connection for one name only names of the same owner with a certificate are served',
  async (each) => {
    const both = await authority.site(['one.example', 'two.example', 'other.example']);
    await put('two.example', tls(both));
    await put('other.example', { ...tls(both), owner: 'Domain/zoo/shop' });
    for (const name of ['two.example', 'other.example']) await shown(name);
    const over = async (name: string): Promise<string> =>
      (await ask('one.example', '--header', `Host: ${name}`)).status;
    each.equal(await over('two.example'), 'HTTP/3 200');
    each.equal(await over('other.example'), 'HTTP/3 421');
    each.equal(await over('plain.example'), 'HTTP/3 421');
  },
);

await t.test('once the workers before a reload have gone, HTTP/3 is spoken as before', async (each) => {
  const { pid } = (await host.services.get('nginx', signal)) ?? {};
  const workers = (): readonly string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const before = new Set(workers());
  await host.services.signal('nginx', 'SIGHUP');
  await eventually(() => workers().every((worker) => !before.has(worker)), 'the next workers');
  for (let count = 0; count < 8; count += 1) each.equal((await ask('one.example')).status, 'HTTP/3 200');
  each.equal(statSync(`${root}/front/quic.key`).mode & 0o777, 0o600);
});

await t.test('the log of errors shows no fault of our own code', async (each) => {
  const faults = readFileSync(`${root}/front/error.log`, 'utf8')
    .split('\n')
    .filter((line) => /lua entry thread|runtime error|\[(alert|emerg|crit)\]|stack traceback|deprecated/.test(line));
  each.strictSame(faults, []);
});
