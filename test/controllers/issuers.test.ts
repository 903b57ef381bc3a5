import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { certificateKind, clusterIssuerKind, domainKind, issuerKind, type ClusterIssuer } from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { pauseMsAfter } from '#controllers/certificate/renewal.ts';
import { createDirectory } from '#runtime/acme/directory.ts';
import { createTransport } from '#runtime/acme/transport.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { reach } from '#test/contracts/driver.ts';
import { openCertificateLab, type CertificateLab } from '#test/lab/certificates.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { openSpoiledAnswers } from '#test/lab/spoiled-answers.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// What an issuer can be, and what CAs do: accounts from elsewhere, own CAs, kinds of keys, refused names, outages.

const pebbleIssuer = { kind: 'ClusterIssuer', name: 'pebble' } as const;

/** The names are the tenant's, and no certificate comes by itself. */
async function claim(lab: CertificateLab, hostname: string, aliases: readonly string[] = []): Promise<void> {
  await lab.apply(domainKind, 'shop', { hostname, aliases, tls: { mode: 'Off' } }, 'acme');
}

async function certificate(lab: CertificateLab, name: string, spec: object): Promise<void> {
  const usual = { dnsNames: ['shop.acme.example'], secretName: `${name}-tls`, issuerRef: pebbleIssuer };
  await lab.apply(certificateKind, name, { ...usual, ...spec }, 'acme');
}

async function secret(lab: CertificateLab, name: string, stringData: Readonly<Record<string, string>>): Promise<void> {
  const metadata = { namespace: SYSTEM_NAMESPACE, name };
  await lab.client.create(resourceTypeOf(secretKind), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData,
  } as never);
}

async function askAgain(lab: CertificateLab, name: string): Promise<void> {
  const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: new Date().toISOString() } } };
  await lab.client.patch(resourceTypeOf(certificateKind), { namespace: 'acme', name }, { type: 'merge', body });
}

await t.test('a certificate has the kind of key that is asked for, whatever nonces the CA refuses', async (test) => {
  const lab = await openCertificateLab(test, { environment: { PEBBLE_WFE_NONCEREJECT: '30' } });
  await claim(lab, 'shop.acme.example');
  const kinds = [
    ['rsa', { algorithm: 'RSA', size: 3072 }, { modulusLength: 3072 }],
    ['ecdsa', { algorithm: 'ECDSA', size: 384 }, { namedCurve: 'secp384r1' }],
  ] as const;
  for (const [name, privateKey, details] of kinds) {
    await certificate(lab, name, { privateKey });
    await lab.settled(certificateKind, name, 'Issued');
    test.match((await lab.served(`${name}-tls`)).publicKey.asymmetricKeyDetails, details);
  }
  await certificate(lab, 'rsa', { privateKey: { algorithm: 'RSA', size: 3072, rotationPolicy: 'Never' } });
  const before = await lab.served('rsa-tls');
  const body = { metadata: { annotations: { [ANNOTATIONS.renew]: 'now' } } };
  await lab.client.patch(resourceTypeOf(certificateKind), { namespace: 'acme', name: 'rsa' }, { type: 'merge', body });
  const next = async (): Promise<X509Certificate | undefined> => {
    const served = await lab.served('rsa-tls');
    return served.serialNumber === before.serialNumber ? undefined : served;
  };
  const after = await eventually(next, 'the next certificate');
  test.ok(after.publicKey.equals(before.publicKey), 'a key that is pinned stays');
});

await t.test('an own CA signs, and without any CA a certificate signs itself', async (test) => {
  const lab = await openCertificateLab(test);
  await claim(lab, 'shop.acme.example');
  const authority = await createLabAuthority('own');
  await secret(lab, 'own-ca', { 'tls.crt': authority.ca.toString(), 'tls.key': authority.key.toString() });
  await lab.apply(clusterIssuerKind, 'own', { ca: { secretRef: { name: 'own-ca' } } });
  await lab.apply(clusterIssuerKind, 'self', { selfSigned: {} });
  for (const name of ['own', 'self']) {
    await certificate(lab, name, { issuerRef: { kind: 'ClusterIssuer', name }, duration: '12h' });
    await lab.settled(certificateKind, name, 'Issued');
  }
  const own = await lab.served('own-tls');
  test.ok(own.verify(new X509Certificate(authority.ca).publicKey), 'the CA has signed it');
  test.ok(own.checkHost('shop.acme.example'));
  const leftMs = Date.parse(own.validTo) - Date.now();
  test.ok(leftMs > 11.9 * 3_600_000 && leftMs <= 12 * 3_600_000, 'it is good for as long as was asked');
  const self = await lab.served('self-tls');
  test.ok(self.verify(self.publicKey));
  const renewalOf = async (name: string): Promise<number> => {
    const status = (await lab.get(certificateKind, name, 'acme'))?.['status'] as { readonly renewalTime: string };
    return Date.parse(status.renewalTime) - Date.now();
  };
  for (const name of ['own', 'self']) {
    test.ok((await renewalOf(name)) > 6 * 3_600_000, 'it is renewed after two thirds of its life');
    await certificate(lab, name, { issuerRef: { kind: 'ClusterIssuer', name }, duration: '12h', renewBefore: '10h' });
    await eventually(async () => (await renewalOf(name)) < 3 * 3_600_000, `${name} to be renewed earlier`);
  }
});

await t.test('a CA that wants an account from elsewhere opens none without, and one with it', async (test) => {
  const macKey = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64url');
  const lab = await openCertificateLab(test, { externalAccounts: { 'kid-1': macKey } });
  await claim(lab, 'shop.acme.example');
  await lab.settled(clusterIssuerKind, 'pebble', 'AccountRefused');
  await secret(lab, 'external-account', { key: macKey });
  const externalAccountBinding = { keyID: 'kid-1', keySecretRef: { name: 'external-account' } };
  await lab.issuer('pebble', { externalAccountBinding });
  await certificate(lab, 'shop', {});
  await lab.settled(certificateKind, 'shop', 'Issued');
});

await t.test('a connection that the CA closed while nobody used it is no failure', async (test) => {
  const authority = await createLabAuthority('ca');
  const { cert, key } = await authority.server();
  const perConnection = new WeakMap<object, number>();
  const server = createServer({ cert, key }, (request, response) => {
    const count = (perConnection.get(request.socket) ?? 0) + 1;
    perConnection.set(request.socket, count);
    if (count > 1) request.socket.destroy();
    else response.end('answered');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const transport = createTransport({
    authorities: authority.ca.toString(),
    userAgent: 'test',
    signal: new AbortController().signal,
  });
  test.teardown(() => (transport.close(), server.close()));
  const { port } = server.address() as AddressInfo;
  for (let times = 0; times < 3; times += 1) {
    test.match(await transport.request(`https://127.0.0.1:${port}/`, 'post', { times }), { data: 'answered' });
  }
});

await t.test('who gives an account up while the CA works is answered, and its connections end', async (test) => {
  const authority = await createLabAuthority('ca');
  let asked = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  let answer = (): void => undefined;
  const server = createServer(await authority.server(), (_request, response) => {
    answer = () => void response.end('good');
    asked();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const isClosed = new Promise(
    (resolve) => void server.on('secureConnection', (socket) => socket.on('close', resolve)),
  );
  test.teardown(() => void server.close());
  const { signal } = new AbortController();
  const transport = createTransport({ authorities: authority.ca.toString(), userAgent: 'test', signal });
  const { port } = server.address() as AddressInfo;
  const answered = transport.request(`https://127.0.0.1:${port}/`, 'get');
  await isAsked;
  transport.close();
  answer();
  test.match(await answered, { status: 200, data: 'good' });
  await isClosed;
});

await t.test('an issuer of a tenant reaches no CA at a private address, one of the platform does', async (test) => {
  const lab = await openCertificateLab(test);
  const { spec } = await lab.settled(clusterIssuerKind, 'pebble', 'Available');
  const own = { ...(spec as object), isDefault: undefined };
  await lab.apply(issuerKind, 'inside', own, 'acme');
  const refused = await lab.settled(issuerKind, 'inside', 'AccountRefused');
  test.match(conditionOf(refused, 'Ready'), { status: 'False', message: /not a public one/ });
});

await t.test('an account whose key is gone, or is another one, is opened with that', async (test) => {
  const lab = await openCertificateLab(test);
  await claim(lab, 'shop.acme.example');
  const type = resourceTypeOf(secretKind);
  const key = { namespace: SYSTEM_NAMESPACE, name: 'pebble-account' };
  const urlNow = async (): Promise<string | undefined> => {
    const status = (await lab.get(clusterIssuerKind, 'pebble'))?.['status'] as ClusterIssuer['status'];
    return status?.acme?.uri;
  };
  const issued = async (name: string): Promise<void> => {
    await certificate(lab, name, {});
    const { status } = await lab.settled(certificateKind, name, 'Issued');
    test.notHas(status, { failedIssuanceAttempts: Number }, `${name} is got at the first attempt`);
  };
  await issued('one');
  const [first, kept] = [await urlNow(), await lab.client.get(type, key)];
  await lab.client.delete(type, key);
  await issued('two');
  const isOther = async (): Promise<boolean> => ![first, undefined].includes(await urlNow());
  await eventually(isOther, 'another account');
  await lab.client.patch(type, key, { type: 'merge', body: { data: kept?.['data'] } });
  await issued('three');
  await eventually(async () => (await urlNow()) === first, 'the first account');
});

await t.test('an issuer whose server is no ACME directory says so, and works once it is one', async (test) => {
  const lab = await openCertificateLab(test);
  const between = await openSpoiledAnswers(test, lab.pebble);
  const caBundle = Buffer.from(between.ca).toString('base64');
  const key = { name: 'wrong' };
  for (const body of ['{}', 'null', '"page"', '{"newNonce":"https://ca.example","newAccount":"http://ca.example/a"}']) {
    between.spoil({ body }, 0);
    await lab.issuer('wrong', {
      server: between.directory,
      caBundle,
      privateKeySecretRef: { name: `a${body.length}` },
    });
    const failed = async (): Promise<boolean> => {
      const found = await lab.get(clusterIssuerKind, 'wrong');
      const { reason, message, observedGeneration } = conditionOf(found, 'Ready') ?? {};
      if (reason !== 'ApplyFailed' || observedGeneration !== found?.metadata.generation) return false;
      test.match(message, /no directory of an ACME CA.*spec\.acme\.server.*This was attempt .*the next one is at/);
      test.match(found?.['status'], { attempts: Number, nextTryAt: String });
      return true;
    };
    await eventually(failed, `${body} to be told`);
    between.relent();
    const metadata = { annotations: { [ANNOTATIONS.requestedAt]: body } };
    await lab.client.patch(resourceTypeOf(clusterIssuerKind), key, { type: 'merge', body: { metadata } });
    const { status } = await lab.settled(clusterIssuerKind, 'wrong', 'Available');
    test.notHas(status, { attempts: Number });
  }
});

await t.test(
  'a directory that is none when it is read anew fails what is asked then, and nothing else',
  async (test) => {
    let [nowMs, answer] = [0, undefined as unknown];
    const good = {
      newNonce: 'https://ca.example/n',
      newAccount: 'https://ca.example/a',
      newOrder: 'https://ca.example/o',
    };
    const read = createDirectory(
      'https://ca.example',
      async () => await Promise.resolve(answer),
      () => nowMs,
    );
    answer = good;
    test.same(await read(), good);
    answer = '<html>Back soon</html>';
    test.same(await read(), good, 'for a day nobody asks');
    nowMs = 25 * 3_600_000;
    await test.rejects(read(), { code: 'WCP_ACME', type: 'malformedAnswer' });
    answer = good;
    test.same(await read(), good);
  },
);

/** Of the two names only one is in the DNS that the CA asks; the leader asks nobody before it. */
async function halfKnown(test: Test): Promise<CertificateLab> {
  const server = await openNameServer(test);
  const owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
  await reach(powerdnsDriver, server.world, owner, aZoneTable('acme.example.', { 'shop A': ['127.0.0.1'] }));
  const lab = await openCertificateLab(test, { nameServer: { address: '127.0.0.1', port: server.settings.port } });
  await claim(lab, 'shop.acme.example', ['gone.acme.example']);
  return lab;
}

await t.test('a name that the CA refuses is named, and left out only where that is allowed', async (test) => {
  const lab = await halfKnown(test);
  const dnsNames = ['shop.acme.example', 'gone.acme.example'];
  await certificate(lab, 'whole', { dnsNames });
  const refused = await lab.settled(certificateKind, 'whole', 'NamesRefused');
  test.match(refused['status'], { failedNames: [{ dnsName: 'gone.acme.example' }], failedIssuanceAttempts: 1 });
  await certificate(lab, 'part', { dnsNames, reducedCoverage: 'Allow' });
  const reduced = await lab.settled(certificateKind, 'part', 'ReducedCoverage');
  test.match(conditionOf(reduced, 'Ready'), { status: 'True', message: /gone\.acme\.example/ });
  test.equal((await lab.served('part-tls')).subjectAltName, 'DNS:shop.acme.example');
});

await t.test('a CA that is away, and has forgotten the account when it is back, is asked again', async (test) => {
  const lab = await openCertificateLab(test);
  await claim(lab, 'shop.acme.example');
  await lab.settled(clusterIssuerKind, 'pebble', 'Available');
  await lab.pebble.kill();
  await certificate(lab, 'shop', {});
  const failed = await lab.settled(certificateKind, 'shop', 'IssuanceFailed');
  test.match(failed['status'], { failedIssuanceAttempts: 1, nextTryAt: String });
  await lab.pebble.start();
  // The account is opened anew at the first attempt, and serves at the next.
  const issued = async (): Promise<boolean> => {
    await askAgain(lab, 'shop');
    const found = await lab.get(certificateKind, 'shop', 'acme');
    return conditionOf(found, 'Ready')?.['reason'] === 'Issued';
  };
  await eventually(issued, 'the certificate');
  const { status } = await lab.settled(certificateKind, 'shop', 'Issued');
  test.notHas(status, { failedIssuanceAttempts: Number }, 'what went well is told of no failures');
});

await t.test(
  'a CA that answers nonsense fails the attempt in words, whatever step it is, and nothing of it is kept',
  async (test) => {
    const lab = await openCertificateLab(test, { environment: { PEBBLE_AUTHZREUSE: '0' } });
    const between = await openSpoiledAnswers(test, lab.pebble);
    const many = { count: 1_000, period: '1h' };
    await lab.issuer('pebble', {
      server: between.directory,
      caBundle: Buffer.from(between.ca).toString('base64'),
      limits: { orders: many, ordersPerDomain: many },
    });
    await lab.settled(clusterIssuerKind, 'pebble', 'Available');
    await claim(lab, 'shop.acme.example');
    const nonsense = {
      page: '<html>502 Bad Gateway</html>',
      nothing: '',
      null: 'null',
      list: '[[]]',
      order: '{"status":7,"authorizations":"x","finalize":null,"certificate":{},"challenges":{}}',
      done: '{"status":"valid","certificate":"file:///etc/passwd","authorizations":["/etc/passwd"],"finalize":"x"}',
    };
    let spoiled = 0;
    for (const [at, [kind, body]] of Object.entries(nonsense).entries()) {
      for (const from of [at % 2, 3 + at, 6 + (at % 2)]) {
        const name = `${kind}-${from}`;
        between.spoil({ body }, from);
        await certificate(lab, name, {});
        const live = await eventually(async () => {
          const found = await lab.get(certificateKind, name, 'acme');
          const { reason } = conditionOf(found, 'Ready') ?? {};
          return reason === 'IssuanceFailed' || reason === 'Issued' ? found : undefined;
        }, `${name} to be decided`);
        if (conditionOf(live, 'Ready')?.['reason'] === 'Issued') {
          // The CA validated at once, so that it was asked less often.
          test.equal(between.relent(), 0, `${name} was got by fewer answers`);
          continue;
        }
        spoiled += 1;
        const failed = await lab.settled(certificateKind, name, 'IssuanceFailed');
        test.match(failed['status'], { failedIssuanceAttempts: 1, nextTryAt: String }, name);
        test.comment(`${name}: ${String(conditionOf(failed, 'Ready')?.['message'])}`);
        const secrets = await lab.client.get(resourceTypeOf(secretKind), { namespace: 'acme', name: `${name}-tls` });
        test.notOk(
          (secrets?.['data'] as { readonly 'tls.crt'?: string } | undefined)?.['tls.crt'],
          'nothing is served',
        );
        between.relent();
        const issued = async (): Promise<boolean> => {
          await askAgain(lab, name);
          return conditionOf(await lab.get(certificateKind, name, 'acme'), 'Ready')?.['reason'] === 'Issued';
        };
        await eventually(issued, `${name} to be issued`);
      }
    }
    test.ok(spoiled >= 12, `${spoiled} attempts met nonsense`);
  },
);

await t.test(
  'a CA that takes what it is asked and never answers fails the attempt in half a minute, and others go on',
  async (test) => {
    const lab = await openCertificateLab(test);
    const between = await openSpoiledAnswers(test, lab.pebble);
    const caBundle = Buffer.from(between.ca).toString('base64');
    await lab.issuer('silent', { server: between.directory, caBundle });
    await lab.settled(clusterIssuerKind, 'silent', 'Available');
    await claim(lab, 'shop.acme.example');
    between.spoil('silence', 1);
    // More than are looked at together, whoever is asked.
    const silent = Array.from({ length: 25 }, (_, n) => `silent-${n}`);
    for (const name of silent) await certificate(lab, name, { issuerRef: { kind: 'ClusterIssuer', name: 'silent' } });
    await certificate(lab, 'other', {});
    await lab.settled(certificateKind, 'other', 'Issued');
    const failed = async (): Promise<readonly KubeObject[]> => {
      const found = await Promise.all(silent.map(async (name) => await lab.get(certificateKind, name, 'acme')));
      return found.flatMap((each) =>
        each !== undefined && conditionOf(each, 'Ready')?.['reason'] === 'IssuanceFailed' ? [each] : [],
      );
    };
    test.equal((await failed()).length, 0, 'no attempt has ended');
    const [first] = await eventually(async () => {
      const found = await failed();
      return found.length === 0 ? undefined : found;
    }, 'the attempts to fail');
    test.match(first, { status: { failedIssuanceAttempts: 1 } });
  },
);

await t.test('no more orders are made than the CA allows, whoever leads', async (test) => {
  const lab = await openCertificateLab(test);
  await claim(lab, 'shop.acme.example');
  const never = { count: 1_000, period: '1h' };
  await lab.issuer('pebble', { limits: { orders: { count: 2, period: '10s' }, ordersPerDomain: never } });
  await lab.settled(clusterIssuerKind, 'pebble', 'Available');
  for (const name of ['one', 'two']) {
    await certificate(lab, name, {});
    await lab.settled(certificateKind, name, 'Issued');
  }
  await certificate(lab, 'three', {});
  const waits = await lab.settled(certificateKind, 'three', 'Paced');
  test.match(waits['status'], { nextTryAt: String, failedIssuanceAttempts: undefined });
  test.match(conditionOf(waits, 'Ready'), { message: /2 orders in 10s/ });
  await lab.restartLeader();
  await lab.settled(certificateKind, 'three', 'Issued');
  const orderedAt = async (name: string): Promise<number> => {
    const { status } = await lab.settled(certificateKind, name, 'Issued');
    return Date.parse((status as { readonly lastOrderAt: string }).lastOrderAt);
  };
  // Times are told in whole seconds.
  test.ok((await orderedAt('three')) - (await orderedAt('one')) >= 9_000);
});

void t.test('what is near its end is tried again sooner, and what has ended as what was never there', (test) => {
  const hourMs = 3_600_000;
  const pause = (failures: number, leftMs?: number): number => pauseMsAfter(failures, { leftMs, seed: 'shop' });
  test.equal(pause(1, hourMs), pause(1));
  test.ok(pause(6, 3 * hourMs) < pause(6));
  for (const failures of [1, 4, 8]) test.equal(pause(failures, -hourMs), pause(failures));
  test.end();
});
