import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT } from 'jose';
import t from 'tap';
import { requestToken } from '#runtime/client/request-token.ts';
import { createClient } from '#runtime/client/https-client.ts';
import type { Client } from '#runtime/client/client.ts';
import { loadKubeconfig } from '#runtime/client/kubeconfig.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { placeHostCertificate } from '#runtime/cmd/certificate/host-certificate.ts';
import { requestCertificate } from '#runtime/cmd/certificate/request-certificate.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority, issueCertificate } from '#runtime/pki/issue.ts';
import { validity } from '#runtime/pki/pair.ts';
import { certificateSigningRequestKind, secretKind } from '#schemas/meta/builtin.ts';
import { agentAccountOf, JOIN_ACCOUNT, LABELS, SYSTEM_NAMESPACE, systemUserOf } from '#schemas/meta/names.ts';
import { startInstance, until } from '#test/lab/instance.ts';
import { joinCommand, openMachine, type LabMachine } from '#test/lab/joining.ts';
import { aDomain, declareSite, declareTenant, domainType, hostType } from '#test/lab/tenants.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const instance = await startInstance();
t.teardown(() => instance.stop());
const admin = await instance.client();
const { server, certificateAuthority: ca } = await loadKubeconfig({ path: instance.kubeconfig });
const requestType = resourceTypeOf(certificateSigningRequestKind);
const secretType = resourceTypeOf(secretKind);

const machines: LabMachine[] = [];
t.teardown(async () => {
  for (const machine of machines) await machine.close();
});

async function aMachine(): Promise<LabMachine> {
  const machine = await openMachine(instance);
  machines.push(machine);
  return machine;
}

const tokenIn = (command: string): string => /--token (\S+)/.exec(command)?.[1] ?? '';

/** Whoever shows this token. */
async function withToken<T>(token: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ server, tls: { ca, token } });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** What becomes of a request for a host's certificate. */
async function asking(client: Client, hostName: string, signal = new AbortController().signal): Promise<string> {
  const wish = { client, hostName, key: newKey(), seconds: 600, circumstance: '', clock: systemClock, signal };
  return await requestCertificate(wish).then(
    () => 'issued',
    (err: unknown) => (err instanceof Error ? err.message : String(err)),
  );
}

await t.test('one command makes a machine a host, and it serves', async (t) => {
  const machine = await aMachine();
  const command = await joinCommand(instance, 'web2');
  t.match(command, /^wcpd join --host-name web2 --server https:\S+ --ca-hash sha256:[0-9a-f]{64} --token \S+\n$/);
  const joined = await machine.join(command, ['--certificate-seconds', '600']);
  t.equal(joined.exitCode, 0, joined.stderr);
  t.match(joined.stdout, 'joined                 as host web2');
  t.equal((await stat(machine.certificateFile)).mode & 0o777, 0o600);
  t.equal((await stat(`${machine.directory}/etc/agent.kubeconfig`)).mode & 0o777, 0o600);
  await machine.startAgent('web2');
  const host = await until(async () => {
    const found = await admin.get(hostType, { name: 'web2' });
    return conditionOf(found, 'Ready')?.['status'] === 'True' ? found : undefined;
  }, 'web2 to be ready');
  await admin.patch(hostType, { name: 'local' }, { type: 'merge', body: { spec: { unschedulable: true } } });
  await declareTenant(admin, 'acme');
  await declareSite(admin, aDomain('acme', 'shop'));
  t.match(await admin.get(domainType, { namespace: 'acme', name: 'shop' }), { status: { host: host.metadata.name } });
  t.equal((await machine.http('shop.acme.test')).status, 200);

  const again = await machine.join(command);
  t.equal(again.exitCode, 0, again.stderr);
  t.match(again.stdout, 'already there');
});

await t.test('a certificate is renewed in time, with another key, and the host works on', async (t) => {
  const [machine] = machines as [LabMachine];
  const before = await machine.certificate();
  await machine.startAgent('web2', ['--certificate-renewal-ratio', '0.001', '--certificate-seconds', '600']);
  const after = await until(async () => {
    const text = await machine.certificate();
    return text === before ? undefined : text;
  }, 'the next certificate');
  const [old, next] = [new X509Certificate(before), new X509Certificate(after)];
  t.equal(next.subject, old.subject);
  t.notSame(next.publicKey.export({ format: 'jwk' }), old.publicKey.export({ format: 'jwk' }));
  t.ok(next.validToDate.getTime() < Date.now() + 601_000);
  await declareSite(admin, aDomain('acme', 'later'));
  t.equal((await machine.http('later.acme.test')).status, 200);
});

await t.test('a command is good for one machine', async (t) => {
  const command = await joinCommand(instance, 'web3');
  const [first, second] = [await aMachine(), await aMachine()];
  const joined = await first.join(command);
  t.equal(joined.exitCode, 0, joined.stderr);
  const refused = await second.join(command);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, /used already.*wcpctl host join-command web3/);
  t.equal(refused.stdout, '');
});

await t.test('a newer command takes back the earlier one, and so does deleting its Secret', async (t) => {
  const machine = await aMachine();
  const earlier = await joinCommand(instance, 'web4');
  const command = await joinCommand(instance, 'web4');
  const refused = await machine.join(earlier);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, /ended or was revoked.*wcpctl host join-command web4/);
  const options = { namespace: SYSTEM_NAMESPACE, labelSelector: LABELS.joinToken };
  for (const { metadata } of (await admin.list(secretType, options)).items)
    await admin.delete(secretType, { namespace: SYSTEM_NAMESPACE, name: metadata.name });
  const revoked = await machine.join(command);
  t.equal(revoked.exitCode, 1);
  t.match(revoked.stderr, 'ended or was revoked');
});

await t.test('a machine speaks with no server but the one of the command', async (t) => {
  const machine = await aMachine();
  const command = await joinCommand(instance, 'web5');
  const wrong = command.replace(/sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`);
  const refused = await machine.join(wrong);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, /not the one that the command was made for/);
  const { items } = await admin.list(requestType);
  t.notOk(
    items.some(({ metadata }) => metadata.name.startsWith('agent-web5')),
    'it was not even asked',
  );
  t.equal((await machine.join(command)).exitCode, 0, 'the control: with the right hash it joins');
});

await t.test('whatever a token or a certificate is good for, it is not another name', async (t) => {
  const token = tokenIn(await joinCommand(instance, 'web6'));
  await joinCommand(instance, 'web7');
  t.match(await withToken(token, (client) => asking(client, 'web7')), /for the name of another host/);
  t.match(await withToken(token, (client) => asking(client, 'nowhere')), /no such Host/);
  const account = { namespace: SYSTEM_NAMESPACE, name: JOIN_ACCOUNT };
  const stray = (await requestToken(admin, account, { expirationSeconds: 600 })).token;
  t.match(await withToken(stray, (client) => asking(client, 'web6')), /none of .wcpctl host join-command/);
  const [machine] = machines as [LabMachine];
  const own = createClient(await loadKubeconfig({ path: `${machine.directory}/etc/agent.kubeconfig` }));
  t.match(await asking(own, 'web6'), /for the name of another host/);
  t.equal(await asking(own, 'web2'), 'issued', 'the control: its own name');
  await own.close();
  t.equal(await withToken(token, (client) => asking(client, 'web6')), 'issued', 'the control: the host of the token');
});

await t.test('requests of people are left to people', async (t) => {
  t.match(await asking(admin, 'web6', AbortSignal.timeout(2_000)), /aborted due to timeout/, 'it waited to the end');
});

await t.test('a name that has a machine is not given to another by mistake', async (t) => {
  const { exitCode, stderr } = await instance.wcpctl(['host', 'join-command', 'web2']);
  t.equal(exitCode, 1);
  t.match(stderr, /joined as web2 already; with --rejoin/);
  const machine = await aMachine();
  const joined = await machine.join(await joinCommand(instance, 'web2', ['--rejoin']));
  t.equal(joined.exitCode, 0, joined.stderr);
  const other = await machine.join(await joinCommand(instance, 'web8'));
  t.equal(other.exitCode, 1);
  t.match(other.stderr, /this machine is host web2 already/);
});

/** The same token, an hour after its end: as the server itself would have signed it. */
async function ended(token: string): Promise<string> {
  const directory = testServer === 'wcp360' ? join(instance.directory, 'pki') : dirname(instance.kubeconfig);
  const key = await importPKCS8(await readFile(join(directory, 'service-account.key'), 'utf8'), 'ES256');
  const now = Math.floor(Date.now() / 1_000);
  const times = { iat: now - 7_200, nbf: now - 7_200, exp: now - 3_600 };
  const { alg = 'ES256', ...header } = decodeProtectedHeader(token);
  return await new SignJWT({ ...decodeJwt(token), ...times }).setProtectedHeader({ alg, ...header }).sign(key);
}

/** Gives a machine a certificate that was a host's once. */
async function placeEnded({ certificateFile }: LabMachine, hostName: string): Promise<void> {
  const [nowMs, keyPem] = [Date.now() - 2 * validity.certificateMs, newKey()];
  const names = { commonName: systemUserOf(agentAccountOf(hostName)), organizations: [], names: [] };
  const authority = await issueAuthority('once', newKey(), nowMs);
  const { certificate, key } = await issueCertificate(authority, { ...names, usages: ['client'] }, { keyPem, nowMs });
  await placeHostCertificate(certificateFile, certificate, key);
}

await t.test('what has ended, a token or a certificate, is told with the next step, which mends it', async (t) => {
  const machine = await aMachine();
  const command = await joinCommand(instance, 'web10');
  const refused = await machine.join(command.replace(tokenIn(command), await ended(tokenIn(command))));
  t.match(refused, { exitCode: 1, stderr: /has ended or was revoked.*: wcpctl host join-command web10/u });
  t.match(await machine.join(command), { exitCode: 0 }, 'the control: the token as it was');
  await placeEnded(machine, 'web10');
  await machine.startAgent('web10');
  const cure = /wcpctl host join-command web10 --rejoin, and run here what it prints.*no certificate that is good now/u;
  await until(async () => cure.test(await machine.log()), 'the end of the certificate to be told');
  t.match(await machine.join(await joinCommand(instance, 'web10', ['--rejoin'])), { exitCode: 0 });
  await machine.startAgent('web10');
  const isReady = async () => conditionOf(await admin.get(hostType, { name: 'web10' }), 'Ready')?.['status'] === 'True';
  await until(isReady, 'the host to work');
});

await t.test('killed at any point, joining goes on where it was', async (t) => {
  const machine = await aMachine();
  const command = await joinCommand(instance, 'web9');
  const points: readonly (() => Promise<unknown>)[] = [
    // The key goes as soon as it stands where the certificate is.
    async () => await stat(`${machine.certificateFile}.key`).catch(async () => await stat(machine.certificateFile)),
    async () => (await admin.list(requestType)).items.find(({ metadata }) => metadata.name.startsWith('agent-web9')),
    async () =>
      (await admin.list(requestType)).items.find(
        (request) =>
          request.metadata.name.startsWith('agent-web9') && JSON.stringify(request).includes('"certificate"'),
      ),
  ];
  for (const point of points) {
    const child = machine.startJoin(command);
    const exited = once(child, 'exit');
    await until(point, 'the point');
    child.kill('SIGKILL');
    await exited;
  }
  const joined = await machine.join(command);
  t.equal(joined.exitCode, 0, joined.stderr);
  const { items } = await admin.list(requestType);
  t.equal(items.filter(({ metadata }) => metadata.name.startsWith('agent-web9')).length, 1, 'it asked once');
  await t.rejects(stat(`${machine.certificateFile}.key`), 'the key stands where the certificate is, only');
});
