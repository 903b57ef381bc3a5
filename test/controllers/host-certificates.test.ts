import t from 'tap';
import { isOfHost, judge } from '#controllers/certificate-signing-request/judge.ts';
import type { AskedCertificate } from '#controllers/certificate-signing-request/model.ts';
import { downloadChain } from '#runtime/acme/chains.ts';
import { kindOfKey, newKey, newKeyOf } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority, requestFor } from '#runtime/pki/issue.ts';
import { parseCertificateRequest } from '#runtime/pki/certificate-request.ts';
import { agentAccountOf, systemUserOf } from '#schemas/meta/names.ts';

const agent = (host: string): string => systemUserOf(agentAccountOf(host));
const credential = (id: string) => ({ 'authentication.kubernetes.io/credential-id': [id] });
const token = 'JTI=0a0b0c0d-0000-4000-8000-000000000001';

/** `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj …`, the last with `-addext subjectAltName=DNS:a.b` */
const openssl = {
  organization: `-----BEGIN CERTIFICATE REQUEST-----
MIIBFTCBvAIBADBaMR8wHQYDVQQKDBZzeXN0ZW06c2VydmljZWFjY291bnRzMTcw
NQYDVQQDDC5zeXN0ZW06c2VydmljZWFjY291bnQ6d2NwMzYwLXN5c3RlbTphZ2Vu
dC13ZWIxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMFEFLARkVZWVnjV65zNB
1+wclhOYX+IoCteHBY7Q1oHm99KSlbbB6QfNL3XZIQ1Y/0o+Kcj/PjFCcG9SYZjP
lKAAMAoGCCqGSM49BAMCA0gAMEUCIDSdr9yKc1YJkd1QecYjyiS0u4QTIJIC+UD6
tLmF/XtHAiEAqRWflW3NV7Ai6YgqkJZSGI1Tx3Z9ozo4Uj/dig4ceS0=
-----END CERTIFICATE REQUEST-----
`,
  names: `-----BEGIN CERTIFICATE REQUEST-----
MIIBFjCBvAIBADA5MTcwNQYDVQQDDC5zeXN0ZW06c2VydmljZWFjY291bnQ6d2Nw
MzYwLXN5c3RlbTphZ2VudC13ZWIxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
BJXfGykoZAQHjJoEHLXkRfDqDq7j49T0L9yE3a+wIPwYj/NxG1PqwaMAnbW+aDCC
aAw7mGrFH/nYlkSB61tmLqAhMB8GCSqGSIb3DQEJDjESMBAwDgYDVR0RBAcwBYID
YS5iMAoGCCqGSM49BAMCA0kAMEYCIQDlY0tF7W6mLZ+dmLgDnjO3Th6mhWMaSdDJ
26DS09sGbwIhAJen+AudLhItwcrYxD1j2PqS2IHAqy94DYeOjt76GAh2
-----END CERTIFICATE REQUEST-----
`,
};

async function aRequest(parts: Partial<AskedCertificate> & { readonly name?: string } = {}): Promise<AskedCertificate> {
  const { name = agent('web1'), ...rest } = parts;
  return {
    request: btoa(await requestFor(name, newKey())),
    signerName: 'kubernetes.io/kube-apiserver-client',
    username: agent('web1'),
    usages: ['digital signature', 'client auth'],
    expirationSeconds: 3_600,
    ...rest,
  };
}

void t.test('a host is given what it asks for itself, and nothing beyond', async (t) => {
  const joining = { username: systemUserOf('join'), extra: credential(token) };
  const plain = (await aRequest()).request;
  const cases: readonly (readonly [why: string, asked: AskedCertificate, reason: string])[] = [
    ['by its certificate', await aRequest(), 'AgentOfHost'],
    [
      'by its certificate, which the server names',
      await aRequest({ extra: credential('X509SHA256=ab') }),
      'AgentOfHost',
    ],
    ['with a join token', await aRequest(joining), 'AgentOfHost'],
    ['with a token of the account', await aRequest({ extra: credential(token) }), 'NotOfCommand'],
    ['as the joining account, by no token', await aRequest({ ...joining, extra: {} }), 'NotOfCommand'],
    ['with a token whose id is none', await aRequest({ ...joining, extra: credential('JTI=a,b!=c') }), 'NotOfCommand'],
    ['for another host', await aRequest({ name: agent('web2') }), 'OtherHost'],
    ['for another account', await aRequest({ name: systemUserOf('controller') }), 'OtherUse'],
    ['for nobody’s host', await aRequest({ name: agent('') }), 'OtherUse'],
    ['for an organisation, too', await aRequest({ request: btoa(openssl.organization) }), 'OtherUse'],
    ['for further names', await aRequest({ request: btoa(openssl.names) }), 'OtherUse'],
    ['with a text around it', await aRequest({ request: btoa(`see:\n${atob(plain)}`) }), 'OtherUse'],
    ['with something that is no request', await aRequest({ request: btoa('nothing') }), 'OtherUse'],
    ['for a server', await aRequest({ usages: ['client auth', 'server auth'] }), 'OtherUse'],
    ['for no use', await aRequest({ usages: ['digital signature'] }), 'OtherUse'],
    ['for ever', await aRequest({ expirationSeconds: 90 * 24 * 3_600 + 1 }), 'LifeTooLong'],
  ];
  for (const [why, asked, reason] of cases) t.equal(judge(asked, true).reason, reason, why);
  t.equal(judge(await aRequest(), false).reason, 'HostUnknown', 'no host');
  t.match(judge(await aRequest(joining), true), { token: { id: token.slice(4), host: 'web1' } });
  t.equal(judge(await aRequest(), true).token, undefined);
});

void t.test('requests of others are nobody’s business', async (t) => {
  t.ok(isOfHost(await aRequest()));
  t.notOk(isOfHost(await aRequest({ username: 'jane' })));
  t.notOk(isOfHost(await aRequest({ username: systemUserOf('controller') })));
  t.notOk(isOfHost(await aRequest({ signerName: 'example.com/mine' })));
});

void t.test('a request that was cut, or spelled in a longer way, is none', async (t) => {
  const pem = await requestFor('jane', newKey());
  const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
  const spelled = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  t.equal(parseCertificateRequest(spelled(der)).isSigned, true, 'the control');
  for (let length = 0; length < der.length; length += 1)
    t.throws(() => parseCertificateRequest(spelled(der.subarray(0, length))), { code: 'WCP_INVALID' });
  t.throws(() => parseCertificateRequest(spelled(Buffer.concat([der, Buffer.from([5, 0])]))), { code: 'WCP_INVALID' });
  const longer = Buffer.concat([Buffer.from([0x30, 0x82, 0, der[2] ?? 0]), der.subarray(3)]);
  t.equal(der[1], 0x81, 'its length takes one byte');
  t.throws(() => parseCertificateRequest(spelled(longer)), { code: 'WCP_INVALID' });
});

void t.test('of the chains that a CA has few are looked at, and none that is longer than one can be', async (t) => {
  const root = async (name: string): Promise<string> => (await issueAuthority(name, newKey(), Date.now())).certificate;
  const [usual, old, wanted] = await Promise.all([root('usual'), root('old'), root('wanted')]);
  const asked: string[] = [];
  const download = async (chains: readonly string[], preferred?: string): Promise<string> => {
    asked.length = 0;
    const links = chains.slice(1).map((_, index) => `<https://ca.example/${index + 1}>;rel="alternate"`);
    return await downloadChain('https://ca.example/0', preferred, async (url) => {
      asked.push(url);
      const data = chains[Number(url.split('/').at(-1))];
      return {
        status: 200,
        headers: { link: ['<https://ca.example/directory>;rel="index"', ...links].join(', ') },
        data,
      };
    });
  };
  t.equal(await download([usual, old, wanted], 'wanted'), wanted);
  t.equal(
    await download([`${usual}${wanted}${old}`, `${old}${wanted}`], 'wanted'),
    `${old}${wanted}`,
    'nearest to the end',
  );
  t.equal(await download([usual, old], 'nobody'), usual);
  t.equal(await download([usual, old]), usual);
  t.equal(asked.length, 1, 'nothing is preferred');
  await download([usual, ...Array.from({ length: 100 }, () => old)], 'wanted');
  t.equal(asked.length, 6);
  const endless = old.repeat(200);
  await t.rejects(download([usual, endless], 'old'), { type: 'malformedAnswer', message: /longer than 64 KiB/u });
  await t.rejects(download([endless]), { type: 'malformedAnswer', message: /64 KiB/u });
  t.equal(await download([usual, old.repeat(11)], 'old'), usual, 'a chain has no more than ten certificates');
});

void t.test('while keys of RSA are made others go on', async (t) => {
  const { signal } = new AbortController();
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  const kind = { algorithm: 'RSA', size: 3_072 } as const;
  const keys = await Promise.all([newKeyOf(kind, signal), newKeyOf(kind, signal)]);
  clearInterval(count);
  t.ok(turns > 0, `${turns} turns`);
  t.same(keys.map(kindOfKey), [kind, kind]);
});
