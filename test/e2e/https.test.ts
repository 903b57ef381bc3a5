import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import t from 'tap';
import {
  certificateKind,
  challengeKind,
  clusterIssuerKind,
  dnsRecordKind,
  domainKind,
  hostKind,
  zoneKind,
} from '#schemas/index.ts';
import type { ClusterIssuer } from '#schemas/v1alpha1/cluster-issuer.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { startInstance } from '#test/lab/instance.ts';
import { killProcess } from '#test/lab/kill.ts';
import { dig } from '#test/lab/name-server.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { run } from '#test/lab/run.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { testTls } from '#test/lab/testssl.ts';
import { visit } from '#test/lab/visit.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// Sites are served over HTTPS by themselves: from a manifest to a handshake, with a real CA, by controller and agent of an instance.

const namespace = 'secure';
const instance = await startInstance({ https: true });
t.teardown(async () => await instance.stop());
const client = await instance.client();
const type = (kind: KindDefinition) => resourceTypeOf(kind);

async function apply(kind: KindDefinition, name: string, spec: object): Promise<void> {
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, namespace }, spec };
  await client.apply(type(kind), object, { fieldManager: 'test', force: true });
}

/** The object once its Ready condition says so of its present generation. */
async function settled(kind: KindDefinition, name: string, status: 'True' | 'False' = 'True'): Promise<KubeObject> {
  let last: KubeObject | undefined;
  const look = async (): Promise<KubeObject | undefined> => {
    last = await client.get(type(kind), { namespace, name });
    const ready = conditionOf(last, 'Ready');
    return ready?.['status'] === status && ready['observedGeneration'] === last?.metadata.generation ? last : undefined;
  };
  return await eventually(look, `${name} to be Ready=${status}`).catch((err: unknown) => {
    throw new Error(`${String(err)}: ${JSON.stringify(last?.['status'])}`);
  });
}

/** What a visitor is shown who believes the roots of the instance's CA, or another one. Rejects when the handshake is refused. */
async function shownFor(hostname: string, own?: Buffer): Promise<PeerCertificate> {
  const ca = own ?? (await readFile(join(instance.directory, 'acme-roots.pem')));
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: instance.ports.https, servername: hostname, ca }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Unless it is dead already and not started again yet. */
async function killController(): Promise<void> {
  const controller = (await instance.services()).get('controller');
  try {
    if (controller !== undefined) killProcess(controller.pid);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}

/** What the status of a Certificate says about who shows which one. */
interface Consumed {
  readonly serialNumber?: string;
  readonly consumers?: readonly { readonly domain: string; readonly serialNumber?: string }[];
}

async function nginxPid(): Promise<number | undefined> {
  return (await instance.services()).get('nginx')?.pid;
}

t.before(async () => {
  for (const object of [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'hosting.wcp360.io/tenant': namespace } },
    },
    { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Tenant', metadata: { name: namespace }, spec: {} },
  ]) {
    const ended = await instance.wcpctl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    if (ended.exitCode !== 0) throw new Error(ended.stderr);
  }
});

/** Nothing is left of what the CA wanted to see: it goes when the certificate is there. */
async function challengesGone(): Promise<void> {
  const areGone = async () => (await client.list(type(challengeKind), { namespace })).items.length === 0;
  await eventually(areGone, 'what the CA wanted to see to go');
}

void t.test('a Domain is served over HTTPS without another word, and plain visitors are sent there', async (test) => {
  await apply(domainKind, 'shop', { hostname: 'shop.localhost', www: 'Redirect' });
  const domain = await settled(domainKind, 'shop');
  test.match(domain['status'], { tls: { secretName: 'shop-tls', dnsNames: ['shop.localhost', 'www.shop.localhost'] } });
  const shown = await shownFor('shop.localhost');
  test.equal(shown.subjectaltname, 'DNS:shop.localhost, DNS:www.shop.localhost');
  const secure = await visit(instance.ports.https, 'shop.localhost', '/', { servername: 'shop.localhost' });
  test.equal(secure.status, 200);
  const plain = await instance.http('shop.localhost', '/a?b');
  test.match(plain, { status: 301, headers: { location: `https://shop.localhost:${instance.ports.https}/a?b` } });
  await challengesGone();
});

/** Pages that are the same for everybody hide nothing that their length could tell, and the instance's CA says nowhere what it has revoked. */
const bearable = ['BREACH', 'cert_revocation'];
/** It names no site there, and is refused; the other two are about itself. */
const unknowable = ['secure_renego', 'engine_problem', 'sessionresumption_ticket'];
const onceIsEnough = testServer === 'kubernetes' ? { skip: 'the front is the same one' } : {};

void t.test('testssl.sh finds nothing above LOW on a site', onceIsEnough, async (test) => {
  const { https: port } = instance.ports;
  const ca = join(instance.directory, 'acme-roots.pem');
  const findings = await testTls({ hostname: 'shop.localhost', port, ca });
  const above = findings.filter(({ severity }) => !['OK', 'INFO', 'LOW', 'WARN'].includes(severity));
  test.same(
    above.filter(({ id }) => !bearable.includes(id)),
    [],
  );
  const unknown = findings.filter(({ id, severity }) => severity === 'WARN' && !unknowable.includes(id));
  test.same(unknown, []);
  for (const id of ['TLS1_3', 'cipher_order', 'cert_chain_of_trust', 'ROBOT', 'LUCKY13'])
    test.equal(findings.find((each) => each.id === id)?.severity, 'OK', id);
  const asked = ['-connect', `127.0.0.1:${port}`, '-servername', 'shop.localhost', '-tls1_2', '-CAfile', ca];
  const { stdout } = await run(['openssl', 's_client', ...asked]);
  test.match(stdout, /Secure Renegotiation IS supported/);
  test.match(stdout, /Verify return code: 0 \(ok\)/);
});

void t.test('a new certificate is shown from the next handshake on, and nginx goes on', async (test) => {
  const before = await shownFor('shop.localhost');
  const pid = await nginxPid();
  const body = { metadata: { annotations: { [ANNOTATIONS.renew]: 'now' } } };
  await client.patch(type(certificateKind), { namespace, name: 'shop' }, { type: 'merge', body });
  await eventually(
    async () => (await shownFor('shop.localhost')).serialNumber !== before.serialNumber,
    'the next certificate to be shown',
  );
  test.equal(await nginxPid(), pid);
  const { serialNumber } = await shownFor('shop.localhost');
  await eventually(async () => {
    const certificate = await client.get(type(certificateKind), { namespace, name: 'shop' });
    return (certificate?.['status'] as { readonly serialNumber?: string } | undefined)?.serialNumber === serialNumber;
  }, 'the status to tell of it');
});

void t.test(
  'one command has the next certificate got, another has one revoked and replaced with another key',
  async (test) => {
    const wcpctl = async (verb: string, ...words: readonly string[]): Promise<string> => {
      const ended = await instance.wcpctl(['certificate', verb, 'shop', '-n', namespace, ...words]);
      test.equal(ended.exitCode, 0, ended.stderr);
      return ended.stdout;
    };
    const serial = async (): Promise<string> => (await shownFor('shop.localhost')).serialNumber;
    const told = async (): Promise<{ readonly serialNumber?: string; readonly revoked?: object }> =>
      (await client.get(type(certificateKind), { namespace, name: 'shop' }))?.['status'] ?? {};
    const first = await serial();
    test.match(await wcpctl('renew'), /is good until/);
    const { serialNumber: second } = await told();
    test.not(second, first);
    const key = async () =>
      (await client.get(type(secretKind), { namespace, name: 'shop-tls' }))?.['data'] as { readonly 'tls.key': string };
    const before = await key();
    test.match(await wcpctl('revoke', '--reason', 'keyCompromise'), /is good until/);
    const after = await told();
    test.match(after.revoked, { serialNumber: second });
    test.notHas(after.revoked, { problem: String }, 'the CA has revoked it');
    test.not(after.serialNumber, second);
    test.not((await key())['tls.key'], before['tls.key']);
    await eventually(async () => (await serial()) === after.serialNumber, 'the next one to be shown');
  },
);

void t.test('a name that is added is in the next certificate, and the one before serves until then', async (test) => {
  await apply(domainKind, 'shop', { hostname: 'shop.localhost', aliases: ['more.localhost'] });
  await settled(domainKind, 'shop');
  test.equal((await shownFor('more.localhost')).subjectaltname, 'DNS:more.localhost, DNS:shop.localhost');
});

void t.test('a wildcard is shown to be ours by a record in the Zone of the tenant', async (test) => {
  await apply(domainKind, 'wild', { hostname: 'wild.localhost', aliases: ['*.wild.localhost'] });
  const waiting = await settled(domainKind, 'wild');
  test.match(conditionOf(waiting, 'CertificateReady'), { status: 'True', message: /Not for \*\.wild\.localhost:/ });
  test.equal((await shownFor('wild.localhost')).subjectaltname, 'DNS:wild.localhost', 'no Zone has it yet');
  // With the Zone alone a CA might look in the moment in which the name leads nowhere.
  const pause = async (paused: 'true' | null): Promise<void> =>
    void (await client.patch(
      type(certificateKind),
      { namespace, name: 'wild' },
      { type: 'merge', body: { metadata: { annotations: { [ANNOTATIONS.paused]: paused } } } },
    ));
  await pause('true');
  await apply(zoneKind, 'wild', { name: 'wild.localhost' });
  await apply(dnsRecordKind, 'wild', { zoneRef: { name: 'wild' }, name: '@', type: 'A', values: ['127.0.0.1'] });
  await settled(dnsRecordKind, 'wild');
  await pause(null);
  await eventually(async () => {
    const shown = await shownFor('any.wild.localhost').catch(() => undefined);
    return shown?.subjectaltname === 'DNS:*.wild.localhost, DNS:wild.localhost';
  }, 'a name below it to be served');
  const left = await client.list(type(dnsRecordKind), { namespace });
  test.same(
    left.items.map(({ metadata }) => metadata.name),
    ['wild'],
    'nothing is left of what the CA wanted to see',
  );
});

void t.test('the DNS tells where a site is, and the key that it shows', async (test) => {
  const host = { apiVersion: apiVersionOf(hostKind), kind: 'Host', metadata: { name: 'local' } };
  const declareHost = async (addresses: readonly object[]) =>
    await client.apply(type(hostKind), { ...host, spec: { addresses } }, { fieldManager: 'test', force: true });
  await declareHost([{ type: 'Public', address: '127.0.0.1' }]);
  test.teardown(async () => await declareHost([]));
  await apply(zoneKind, 'told', { name: 'told.localhost' });
  // Whoever asks before that hears of the machine itself, and then of nothing until the record is there.
  await settled(zoneKind, 'told');
  await apply(domainKind, 'told', { hostname: 'shop.told.localhost', dns: { tlsa: 'Key' } });
  await settled(domainKind, 'told');
  const ask = async (name: string, of: string) => await dig(instance.ports.dns, [name, of]);
  const shown = new X509Certificate((await shownFor('shop.told.localhost')).raw);
  const digest = createHash('sha256')
    .update(shown.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  await eventually(async () => {
    const told = (await ask('_443._tcp.shop.told.localhost', 'TLSA')).join().replaceAll(' ', '').toLowerCase();
    return told === `311${digest}`;
  }, 'the key to be told');
  test.same(await ask('shop.told.localhost', 'A'), ['127.0.0.1']);
  await client.delete(type(domainKind), { namespace, name: 'told' });
  const isGone = async () => (await ask('_443._tcp.shop.told.localhost', 'TLSA')).length === 0;
  await eventually(isGone, 'what was told to go');
});

void t.test('a name is shown to be ours in a handshake, where the issuer has no other way', async (test) => {
  const local = (await client.get(type(clusterIssuerKind), { name: 'local' })) as ClusterIssuer;
  const acme = { ...local.spec.acme, privateKeySecretRef: { name: 'shaking-account' }, solvers: [{ tlsAlpn01: {} }] };
  const shaking = { apiVersion: apiVersionOf(clusterIssuerKind), kind: 'ClusterIssuer', metadata: { name: 'shaking' } };
  await client.apply(type(clusterIssuerKind), { ...shaking, spec: { acme } } as KubeObject, {
    fieldManager: 'test',
    force: true,
  });
  const tls = { issuerRef: { kind: 'ClusterIssuer', name: 'shaking' } };
  await apply(domainKind, 'shaken', { hostname: 'shaken.localhost', www: 'Redirect', tls });
  await settled(domainKind, 'shaken');
  test.equal((await shownFor('shaken.localhost')).subjectaltname, 'DNS:shaken.localhost, DNS:www.shaken.localhost');
  const { serialNumber } = await shownFor('shaken.localhost');
  await apply(domainKind, 'shaken', { hostname: 'shaken.localhost', aliases: ['again.localhost'], tls });
  await settled(domainKind, 'shaken');
  test.not(
    (await shownFor('again.localhost')).serialNumber,
    serialNumber,
    'while a site is served under the name, too',
  );
  await challengesGone();
});

void t.test(
  'a certificate of one’s own is served when it is good, and a bad one says why and changes nothing',
  async (test) => {
    const authority = await createLabAuthority('own');
    const [good, other] = [await authority.server(['own.localhost']), await authority.server(['other.localhost'])];
    const upload = async (name: string, cert: Buffer, key: Buffer): Promise<void> => {
      const stringData = { 'tls.crt': cert.toString(), 'tls.key': key.toString() };
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        type: 'kubernetes.io/tls',
        stringData,
      };
      await client.create(type(secretKind), secret);
    };
    await upload('own', good.cert, good.key);
    await upload('mixed', good.cert, other.key);
    await upload('foreign', other.cert, other.key);
    const serveWith = async (name: string): Promise<void> =>
      await apply(domainKind, 'own', { hostname: 'own.localhost', tls: { secretRef: { name } } });
    await serveWith('own');
    await settled(domainKind, 'own');
    const { serialNumber } = new X509Certificate(good.cert);
    test.equal((await shownFor('own.localhost', authority.ca)).serialNumber, serialNumber);
    for (const [name, message] of [
      ['mixed', /key is not the one of the certificate/],
      ['foreign', /does not cover own\.localhost/],
    ] as const) {
      await serveWith(name);
      const isTold = async (): Promise<boolean> => {
        const ready = conditionOf(await client.get(type(domainKind), { namespace, name: 'own' }), 'Ready');
        return ready?.['reason'] === 'CertificateInvalid' && message.test(String(ready['message']));
      };
      await eventually(isTold, `what is wrong with ${name} to be told`);
      test.equal((await shownFor('own.localhost', authority.ca)).serialNumber, serialNumber, 'the good one serves on');
    }
  },
);

void t.test('an order goes on wherever its controller was killed', async (test) => {
  const names = Array.from({ length: 6 }, (_, index) => `crash-${index}`);
  for (const [index, name] of names.entries()) {
    await apply(domainKind, name, { hostname: `${name}.localhost` });
    await new Promise((resolve) => setTimeout(resolve, 60 * index));
    await killController();
  }
  for (const name of names) {
    await settled(domainKind, name);
    test.equal((await shownFor(`${name}.localhost`)).subjectaltname, `DNS:${name}.localhost`);
  }
});

void t.test('a site without a certificate is not shown that of another, nor is an unknown name', async (test) => {
  await apply(domainKind, 'plain', { hostname: 'plain.localhost', tls: { mode: 'Off' } });
  await settled(domainKind, 'plain');
  test.equal((await instance.http('plain.localhost', '/')).status, 200, 'plain HTTP is answered');
  await test.rejects(shownFor('plain.localhost'));
  await test.rejects(shownFor('nobody.localhost'));
});

void t.test(
  'nobody gets a certificate for a name that is not theirs, and a Secret of somebody else’s making is left alone',
  async (test) => {
    await apply(certificateKind, 'foreign', {
      dnsNames: ['foreign.localhost'],
      issuerRef: { kind: 'ClusterIssuer', name: 'local' },
      secretName: 'foreign-tls',
    });
    const foreign = await settled(certificateKind, 'foreign', 'False');
    test.match(conditionOf(foreign, 'Ready'), { reason: 'NameNotOurs', message: /foreign\.localhost/ });
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'precious', namespace },
      stringData: { a: 'b' },
    };
    await client.create(type(secretKind), secret);
    await apply(certificateKind, 'greedy', {
      dnsNames: ['shop.localhost'],
      issuerRef: { kind: 'ClusterIssuer', name: 'local' },
      secretName: 'precious',
    });
    const greedy = await settled(certificateKind, 'greedy', 'False');
    test.match(conditionOf(greedy, 'Ready'), { reason: 'SecretNotOurs' });
    test.match(await client.get(type(secretKind), { namespace, name: 'precious' }), { data: { a: 'Yg==' } });
  },
);

void t.test('a Certificate is Ready once each Domain shows it, and says which one each of them shows', async (test) => {
  const own = { apiVersion: apiVersionOf(clusterIssuerKind), kind: 'ClusterIssuer', metadata: { name: 'self' } };
  await client.apply(type(clusterIssuerKind), { ...own, spec: { selfSigned: {} } } as KubeObject, {
    fieldManager: 'test',
    force: true,
  });
  const tls = { issuerRef: { kind: 'ClusterIssuer', name: 'self' } };
  await apply(domainKind, 'seen', { hostname: 'seen.localhost', tls });
  await settled(domainKind, 'seen');
  const consumersOf = ({ status }: KubeObject): Consumed => (status ?? {}) as Consumed;
  const { serialNumber, consumers } = consumersOf(await settled(certificateKind, 'seen'));
  test.same(consumers, [{ domain: 'seen', serialNumber }]);
  const pid = (await instance.services()).get('agent')?.pid;
  killProcess(pid, 'SIGSTOP');
  try {
    const body = { metadata: { annotations: { [ANNOTATIONS.renew]: 'now' } } };
    await client.patch(type(certificateKind), { namespace, name: 'seen' }, { type: 'merge', body });
    const isNext = async (): Promise<boolean> => {
      const certificate = await client.get(type(certificateKind), { namespace, name: 'seen' });
      return conditionOf(certificate, 'Ready')?.['reason'] === 'NotServed';
    };
    await eventually(isNext, 'the next certificate to be there');
    const waiting = consumersOf(await settled(certificateKind, 'seen', 'False'));
    test.not(waiting.serialNumber, serialNumber);
    test.same(waiting.consumers, [{ domain: 'seen', serialNumber }], 'the one before is shown still');
    test.equal(conditionOf(await settled(domainKind, 'seen'), 'Ready')?.['status'], 'True', 'and the site is served');
  } finally {
    killProcess(pid, 'SIGCONT');
  }
  const after = consumersOf(await settled(certificateKind, 'seen'));
  test.not(after.serialNumber, serialNumber);
  test.same(after.consumers, [{ domain: 'seen', serialNumber: after.serialNumber }]);
});

void t.test('what a Domain leaves goes: its certificate, the Secret, the name', async (test) => {
  await client.delete(type(domainKind), { namespace, name: 'shop' });
  for (const [kind, name] of [
    [domainKind, 'shop'],
    [certificateKind, 'shop'],
    [secretKind, 'shop-tls'],
  ] as const)
    await eventually(async () => (await client.get(type(kind), { namespace, name })) === undefined, name);
  await test.rejects(shownFor('shop.localhost'));
});
