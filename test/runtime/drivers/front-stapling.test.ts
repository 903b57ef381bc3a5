import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:tls';
import t from 'tap';
import { systemClock, type Clock } from '#runtime/base/clock.ts';
import { parseNetwork, type Network } from '#runtime/base/networks.ts';
import type { Site } from '#runtime/drivers/nginx/index.ts';
import { askResponder } from '#runtime/drivers/nginx/stapling/ask-responder.ts';
import { stapleAskOf } from '#runtime/drivers/nginx/stapling/staple-ask.ts';
import type { Staple } from '#runtime/drivers/nginx/stapling/staple.ts';
import { createLabAuthority, type TlsSecret } from '#test/lab/pki.ts';
import { startResponder } from '#test/lab/responder.ts';
import { run } from '#test/lab/run.ts';
import { eventually } from '#test/lab/widgets.ts';
import { openFrontLab } from '#test/runtime/drivers/front-lab.ts';

// What a CA says of a certificate is shown together with it: by a real responder, a real front, and OpenSSL as the visitor.

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: nginx drops to another user');
  process.exit();
}

const hourMs = 3_600_000;
let laterMs = 0;
const clock: Clock = { ...systemClock, now: () => Date.now() + laterMs };
const lab = await openFrontLab(t, {}, clock);
const { put, root, host, signal, secrets, staples } = lab;
const authority = await createLabAuthority();
const responder = await startResponder(authority);
t.teardown(async () => await responder.stop());
const { port = 0 } = lab.settings.httpsListen[0] ?? {};

let version = 0;

function tls(secret: TlsSecret): Required<Pick<Site, 'tls'>> {
  const name = `tls-${(version += 1)}`;
  secrets.set(`acme/${name}`, { ...secret });
  return { tls: { secret: { namespace: 'acme', name, resourceVersion: String(version) }, redirect: false } };
}

/** The response that a visitor who asks for it is shown, whole, as OpenSSL understands it; '' when there is none. */
async function stapled(hostname: string): Promise<string> {
  const asked = ['-connect', `127.0.0.1:${port}`, '-servername', hostname, '-status'];
  const { stdout } = await run(['openssl', 's_client', ...asked]);
  if (!stdout.includes('OCSP response:')) throw new Error(`no handshake for ${hostname}`);
  return /OCSP Response Data:[^]*?={6}/.exec(stdout)?.[0] ?? '';
}

async function responseBytes(servername: string): Promise<Buffer | undefined> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, requestOCSP: true });
  let response: Buffer | undefined;
  socket.on('OCSPResponse', (bytes: Buffer | null) => (response = bytes ?? undefined));
  await once(socket, 'secureConnect');
  socket.destroy();
  return response;
}

const stapleFile = async (): Promise<string> => {
  const found = await host.readDirectory(`${root}/front/staples`, signal);
  return `${root}/front/staples/${found?.[0]?.name}`;
};

await t.test('the word of its CA is shown with a certificate that names a responder, to whoever asks', async (each) => {
  const secret = await authority.site(['asks.example'], { responder: responder.url });
  await responder.serve([secret['tls.crt']]);
  await put('asks.example', tls(secret));
  await eventually(async () => (await stapled('asks.example')) !== '', 'the response to be shown');
  each.match(await stapled('asks.example'), /OCSP Response Status: successful[^]+Cert Status: good/);
  const silent = await authority.site(['silent.example']);
  await put('silent.example', tls(silent));
  await staples.renewAll(signal);
  each.equal(await stapled('silent.example'), '');
  each.equal(statSync(await stapleFile()).mode & 0o777, 0o640);
});

await t.test(
  'what must not be believed without the word of its CA is put in service together with it',
  async (each) => {
    const secret = await authority.site(['must.example'], { responder: responder.url, mustStaple: true });
    await responder.serve([secret['tls.crt']]);
    await put('must.example', tls(secret));
    each.match(await stapled('must.example'), /Cert Status: good/);
  },
);

await t.test(
  'a CA is asked again when half of the time has passed, and what it said before is shown until then',
  async (each) => {
    const before = await responseBytes('must.example');
    await staples.renewAll(signal);
    each.strictSame(await responseBytes('must.example'), before, 'nobody is asked yet');
    laterMs = 1.5 * hourMs;
    await responder.kill();
    await staples.renewAll(signal);
    each.strictSame(await responseBytes('must.example'), before, 'the responder is away');
    await responder.serve([secrets.get(`acme/tls-${version}`)?.['tls.crt'] ?? '']);
    await staples.renewAll(signal);
    each.strictSame(await responseBytes('must.example'), before, 'it is given a minute');
    laterMs += hourMs / 30;
    await staples.renewAll(signal);
    each.notSame(await responseBytes('must.example'), before);
    each.match(await stapled('must.example'), /Cert Status: good/);
  },
);

await t.test('no word but a good one of the CA on this very certificate is shown', async (each) => {
  laterMs = 0;
  const options = { responder: responder.url, mustStaple: true };
  const [revoked, unknown] = [
    await authority.site(['bad.example'], options),
    await authority.site(['odd.example'], options),
  ];
  await responder.serve([], [revoked['tls.crt']]);
  await put('bad.example', tls(revoked));
  await put('odd.example', tls(unknown));
  each.equal(await stapled('bad.example'), '', 'revoked');
  each.equal(await stapled('odd.example'), '', 'unknown to the CA');
  const stranger = await createLabAuthority('lab');
  const forged = await stranger.site(['forged.example'], options);
  await responder.serve([forged['tls.crt']]);
  await put('forged.example', tls(forged));
  each.equal(await stapled('forged.example'), '', 'signed by somebody else');
});

await t.test('the front itself checks what lies there, and shows nothing that has ended', async (each) => {
  const good = await authority.site(['own.example'], { responder: responder.url, mustStaple: true });
  await responder.serve([good['tls.crt']]);
  await put('own.example', tls(good));
  each.match(await stapled('own.example'), /Cert Status: good/);
  const { staple } = JSON.parse(readFileSync(`${root}/front/tls/own.example`, 'utf8')) as { readonly staple: string };
  const path = `${root}/front/staples/${staple}`;
  const { front } = await host.capabilities(signal);
  const lay = async (text: string): Promise<void> =>
    await host.replaceFile(path, text, { mode: 0o640, uid: 0, gid: front.gid }, signal);
  const text = readFileSync(path, 'utf8');
  const own = JSON.parse(text) as { readonly response: string };
  const { staple: other } = JSON.parse(readFileSync(`${root}/front/tls/must.example`, 'utf8')) as {
    readonly staple: string;
  };
  for (const [what, bad] of [
    ['of another certificate', readFileSync(`${root}/front/staples/${other}`, 'utf8')],
    ['cut short', JSON.stringify({ ...own, response: own.response.slice(0, 400) })],
    ['no text of ours', '{'],
    ['ended', JSON.stringify({ ...own, until: Math.floor(Date.now() / 1_000) - 1 })],
  ] as const) {
    await lay(bad);
    each.equal(await stapled('own.example'), '', what);
  }
  await lay(text);
  each.match(await stapled('own.example'), /Cert Status: good/);
});

await t.test('whoever uploads a certificate has nothing asked but public addresses at port 80', async (each) => {
  laterMs = 0;
  const open = ['127.0.0.1/32', '::1/128'].flatMap((text) => parseNetwork(text) ?? []);
  const ask = async (at: string, networks: readonly Network[]): Promise<Staple | string> => {
    const { 'tls.crt': chain } = await authority.site(['inside.example'], { responder: at });
    await responder.serve([chain]);
    const wanted = stapleAskOf(chain);
    if (wanted === undefined) return 'nothing is asked';
    return await askResponder(host, wanted, { networks, nowMs: clock.now() }, signal).catch((err: unknown) =>
      String(err),
    );
  };
  const byName = responder.url.replace('127.0.0.1', 'localhost');
  for (const at of [
    responder.url,
    byName,
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/',
    'http://192.0.2.1:8080/',
  ])
    each.match(await ask(at, []), /which is not asked/, at);
  for (const at of ['ftp://127.0.0.1/', 'https://127.0.0.1/']) each.equal(await ask(at, open), 'nothing is asked', at);
  each.match(await ask(responder.url, open), { response: /^MII/ }, 'where an administrator has opened it');
  each.match(await ask(byName, open), { response: /^MII/ });
});

await t.test('words that have ended are thrown away', async (each) => {
  laterMs = 24 * hourMs;
  await responder.kill();
  await staples.renewAll(signal);
  each.strictSame(await host.readDirectory(`${root}/front/staples`, signal), []);
});

await t.test(
  'the log of errors tells of words that were not the CA’s, and shows no fault of our own code',
  async (each) => {
    const text = readFileSync(`${root}/front/error.log`, 'utf8');
    each.match(text, /response of a CA: /);
    each.notMatch(text, /lua entry thread|runtime error|\[(alert|emerg|crit)\]|stack traceback/);
  },
);
